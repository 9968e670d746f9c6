"""A base image for the tests, made of Debian's packages: what `python:slim` is, where no registry can be reached."""

import hashlib
import shutil
import ssl
import subprocess
from pathlib import Path

from deploy.image.machine import BOUND
from deploy.image.store import Store
from deploy.local.child import run_to_end
from deploy.local.errors import PlatformError

_SUITE = "bookworm"
_PACKAGES = ("python3", "python3-venv")
# Nothing in the tests needs them, and each copy of the tree is smaller without.
_NOT_NEEDED = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale", "usr/share/man")
_CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
_SECONDS = 600.0

CERTIFICATES = f"/{_CERTIFICATES}"
"""In the base: the authorities that this machine trusts, which may be more than the packaged ones."""


def base_name() -> str:
    """The base's name, which changes with everything that it is made of (but Debian's updates)."""
    content = hashlib.sha256(Path(__file__).read_bytes() + _trusted().read_bytes())
    return f"localhost/engagement-base:{content.hexdigest()[:16]}"


def ensure_base(store: Store) -> bool:
    """Make the base unless it is there; whether it was made. Raises PlatformError."""
    name = base_name()
    if store.has(name):
        return False
    with store.new_image(name) as tree:
        options = ["--variant=minbase", f"--include={','.join(_PACKAGES)}"]
        command = ["debootstrap", *options, _SUITE, str(tree), *_mirror()]
        run_to_end(command, prefix=BOUND, cwd=tree.parent, seconds=_SECONDS)
        for folder in _NOT_NEEDED:
            shutil.rmtree(tree / folder, ignore_errors=True)
        (tree / _CERTIFICATES).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_trusted(), tree / _CERTIFICATES)
    return True


def _trusted() -> Path:
    file = ssl.get_default_verify_paths().cafile
    if file is None:
        raise PlatformError("Python knows no file of trusted certificates; name one in SSL_CERT_FILE.")
    return Path(file)


def _mirror() -> list[str]:
    """Where this machine's own packages of that suite come from; nothing for debootstrap's default."""
    apt = shutil.which("apt-get")
    if apt is None:
        return []
    wanted = [f"Codename: {_SUITE}", "Component: main", "Created-By: Packages"]
    command = [apt, "indextargets", "--format", "$(REPO_URI)", *wanted]
    done = subprocess.run(command, capture_output=True, check=False)
    return done.stdout.decode().split()[:1]
