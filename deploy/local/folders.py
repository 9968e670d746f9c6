"""Folders of the local platform, safe for several processes at a time."""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCAL_FOLDER = Path(__file__).resolve().parents[2] / ".local"
"""Ignored by git: jars, and the data of what runs now."""

_ALIVE = "alive.lock"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`; waits for another process that holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def run_folder(data_dir: Path) -> Iterator[Path]:
    """Give a fresh folder under `data_dir`, removed at the end; first remove those of processes that died.

    The lock on a file in it says that its process lives: the kernel gives it back even after SIGKILL.
    """
    with locked(data_dir / "runs" / "sweep.lock"):
        for folder in (data_dir / "runs").glob("run-*"):
            _remove_if_dead(folder)
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=data_dir / "runs"))
        folder.chmod(0o755)
        alive = (folder / _ALIVE).open("w")
        fcntl.flock(alive, fcntl.LOCK_EX)
    try:
        yield folder.resolve()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        alive.close()


def _remove_if_dead(folder: Path) -> None:
    try:
        with (folder / _ALIVE).open("w") as alive:
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # its process lives
    except PermissionError:
        return  # another account's
    except FileNotFoundError:
        pass  # killed between making the folder and the lock, or half removed
    shutil.rmtree(folder, ignore_errors=True)
