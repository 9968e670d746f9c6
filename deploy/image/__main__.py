"""`python -m deploy.image`: build the container image and run it, on a machine without a container engine.

Makes a base of Debian's packages (kept in .local), builds deploy/Dockerfile on it, and lets the image do its work on
the local Kafka and Postgres. Says on stderr what it does and sees; exits with 0, with 1 when the image doesn't do what
it should or can't be built, with 3 when this machine lacks what it takes.
"""

import signal
import sys
import time

from deploy.image.base import base_name, ensure_base
from deploy.image.building import build
from deploy.image.container import Container
from deploy.image.machine import require_machine
from deploy.image.scene import ImageError, play
from deploy.image.store import Store
from deploy.local.errors import PlatformError
from deploy.local.folders import LOCAL_FOLDER, locked, run_folder
from deploy.local.ports import free_port
from deploy.local.stack import Stack, running_stack

_DIFFERS, _CAN_NOT = 1, 3
_FOLDER = LOCAL_FOLDER / "image"


def main() -> int:
    """Build and try the image; gives the exit code."""
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, lambda number, _frame: sys.exit(128 + number))
    failed = _CAN_NOT
    try:
        require_machine()
        with locked(LOCAL_FOLDER / "image.lock"):
            begin = time.monotonic()
            store = Store(_FOLDER)
            store.remove_all_but(base_name())  # what a killed run left
            made = ensure_base(store)
            failed = _DIFFERS
            _build_and_play(store, begin, made=made)
    except (ImageError, PlatformError) as error:
        print(error, file=sys.stderr)
        return failed
    print("The image works; everything but its base was removed.", file=sys.stderr)
    return 0


def _build_and_play(store: Store, begin: float, *, made: bool) -> None:
    def say(text: str) -> None:
        print(f"{time.monotonic() - begin:5.1f} s  {text}", file=sys.stderr)

    say(f"base image {'made' if made else 'found'}: {base_name()}")
    try:
        image = build(store)
        say(f"image built: runs {' '.join((*image.entry_point, *image.command))} as user {image.user}:{image.group}")
        with (
            store.tree(image.name) as tree,
            run_folder(LOCAL_FOLDER) as folder,
            running_stack(LOCAL_FOLDER) as stack,
        ):
            say(stack.description)
            play(Container(image, tree, _settings(stack)), folder, say)
    finally:
        store.remove_all_but(base_name())


def _settings(stack: Stack) -> dict[str, str]:
    return {
        "ENGAGEMENT_KAFKA_BOOTSTRAP_SERVERS": stack.kafka_bootstrap_servers,
        "ENGAGEMENT_POSTGRES_DSN": stack.postgres_dsn,
        "ENGAGEMENT_HTTP_PORT": str(free_port()),
    }


if __name__ == "__main__":
    sys.exit(main())
