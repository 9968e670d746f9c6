"""What the peers in Python need, in a virtual environment each, made on first use."""

import shutil
import sys
import tempfile
from pathlib import Path

from deploy.local.child import run_to_end
from deploy.local.errors import PlatformError, UnavailableError
from deploy.local.folders import LOCAL_FOLDER, locked

_PEERS = Path(__file__).parent / "peers"
_INSTALL_SECONDS = 570.0


def python_of(peer: str) -> Path:
    """The interpreter of the peer's environment. Raises UnavailableError when its packages can't be had."""
    requirements = _PEERS / peer / "requirements.txt"
    environment = LOCAL_FOLDER / "peers" / peer
    environment.parent.mkdir(parents=True, exist_ok=True)
    with locked(environment.with_suffix(".lock")):
        if not _is_of(environment, requirements):
            shutil.rmtree(environment, ignore_errors=True)
            _make(environment, requirements)
    return environment / "bin" / "python"


def _is_of(environment: Path, requirements: Path) -> bool:
    made_of = environment / requirements.name
    return made_of.exists() and made_of.read_bytes() == requirements.read_bytes()


def _make(environment: Path, requirements: Path) -> None:
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    with tempfile.TemporaryDirectory() as folder:
        try:
            for command in ([sys.executable, "-m", "venv", str(environment)], [*pip, "-r", str(requirements)]):
                run_to_end(command, cwd=Path(folder), seconds=_INSTALL_SECONDS)
        except PlatformError as error:
            raise UnavailableError(f"what {requirements} names could not be installed: {error}") from error
    # Last of all: the environment is whole.
    shutil.copy(requirements, environment)
