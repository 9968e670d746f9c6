"""Building the image from deploy/Dockerfile."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.image.base import CERTIFICATES, base_name
from deploy.image.store import Image, Store

ROOT = Path(__file__).resolve().parents[2]
_NAME = "localhost/engagement-engine:test"
# What of this machine's pip holds inside the build too. Folders and files are those of this machine.
_PIP_OPTIONS = ("default-timeout", "extra-index-url", "index-url", "proxy", "timeout", "trusted-host")


def build(store: Store) -> Image:
    """Build the image on the test base, which must be there. Raises PlatformError."""
    with tempfile.NamedTemporaryFile("w", prefix="pip-", suffix=".conf") as pip:
        pip.write(_pip_configuration())
        pip.flush()
        options = [
            "--isolation=chroot",
            "--network=host",
            "--format=docker",  # the other format knows no health check
            f"--secret=id=pip.conf,src={pip.name}",
            f"--build-arg=BASE_IMAGE={base_name()}",
            f"--file={ROOT / 'deploy' / 'Dockerfile'}",
            f"--tag={_NAME}",
        ]
        store.run("build", *options, str(ROOT))
    return store.describe(_NAME)


def _pip_configuration() -> str:
    """This machine's way to the packages, as a configuration file. It may hold passwords."""
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, check=True, text=True)
    options = {"cert": CERTIFICATES}
    for name, value in re.findall(r"^[^.=]+\.([a-z-]+)='(.*)'$", listed.stdout, re.MULTILINE):
        if name in _PIP_OPTIONS:
            options[name] = value.replace("\\n", "\n  ")  # of several addresses, each on a line of its own
    return "\n".join(["[global]", *(f"{name} = {value}" for name, value in options.items()), ""])
