"""Running an image's tree the way a container engine does: read-only, as the image's user, as process 1.

Its network is this machine's, so that it reaches services on loopback.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.image.enter import Entry
from deploy.image.machine import NAMESPACES
from deploy.image.store import Image
from deploy.local.child import Child
from deploy.local.errors import PlatformError

_ENTER = Path(__file__).with_name("enter.py")
_COMMAND_SECONDS = 90.0
_START_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Container:
    """The image with its tree and what is set on top of its environment."""

    image: Image
    tree: Path
    settings: Mapping[str, str]

    def run(self, *arguments: str) -> Ended:
        """Run the entry point with these arguments to its end, in namespaces of its own."""
        return _run_to_end(_isolated(self.entry([*self.image.entry_point, *arguments])))

    def start(self, log: Path) -> "Service":
        """Start what the image runs when nothing else is said."""
        return Service(self, log)

    def entry(self, command: Sequence[str], user: int | None = None) -> Entry:
        """What `enter` needs for a command; by default it runs as the image's user."""
        return Entry(
            tree=str(self.tree),
            folder=self.image.folder,
            user=self.image.user if user is None else user,
            group=self.image.group if user is None else user,
            environment={**self.image.environment, **self.settings},
            command=list(command),
            mounts=True,
        )


class Service(Child):
    """The image's own command, running."""

    def __init__(self, container: Container, log: Path) -> None:
        self.container = container
        command = [*container.image.entry_point, *container.image.command]
        super().__init__(_isolated(container.entry(command)), log, death_signal=signal.SIGKILL)
        self.wait_until_ready("The service", lambda: bool(self._children()), _START_SECONDS)

    @property
    def first_process(self) -> int:
        """Process 1 of the container, by the number that it has outside. Raises PlatformError when it has ended."""
        children = self._children()
        if not children:
            raise PlatformError(f"the service has ended. The end of its log:\n{self.log_tail()}")
        return int(children[0])

    def execute(self, *command: str, user: int | None = None) -> Ended:
        """Run one more command in the running container, as its user unless another is named."""
        entry = self.container.entry(command, user)
        entry["mounts"] = False
        inside = ["nsenter", f"--target={self.first_process}", "--mount", "--pid"]
        return _run_to_end([*inside, *_enter(entry)])

    def end(self, number: signal.Signals, seconds: float) -> int:
        """Send process 1 the signal; gives the exit code. Raises PlatformError unless it ends within the seconds."""
        os.kill(self.first_process, number)
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise PlatformError(f"the service did not end within {seconds:.0f} s:\n{self.log_tail()}") from None

    def _children(self) -> list[str]:
        """Those of `unshare`, which has one: process 1. None before it has made the namespaces, and after the end."""
        try:
            return Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        except FileNotFoundError:
            return []


def _isolated(entry: Entry) -> list[str]:
    return [shutil.which("setpriv") or "setpriv", "--no-new-privs", *NAMESPACES, *_enter(entry)]


def _enter(entry: Entry) -> list[str]:
    return [sys.executable, "-I", str(_ENTER), json.dumps(entry)]


def _run_to_end(command: Sequence[str]) -> Ended:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_COMMAND_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise PlatformError(f"a command in the image did not end within {_COMMAND_SECONDS:.0f} s") from error
    return Ended(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
