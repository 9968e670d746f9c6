"""The installed `engage`, run as its users run it."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.deployment import Deployment

ENGAGE = Path(sys.executable).with_name("engage")
COMMAND_SECONDS = 90.0
STOP_SECONDS = 10.0
"""What a service may take to stop: promised to its operators."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The one value on stdout."""
        return json.loads(self.stdout)

    @property
    def json_lines(self) -> list[Any]:
        """The values on stdout."""
        return [json.loads(line) for line in self.stdout.splitlines()]


def engage(deployment: Deployment, *arguments: str, stdin: str = "", **settings: str) -> Ended:
    """Run a command to its end; ``settings`` are added to those of the deployment."""
    done = subprocess.run(
        [ENGAGE, *arguments],
        cwd=deployment.folder,
        env=deployment.environment | settings,
        input=stdin.encode(),
        capture_output=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


@dataclass(frozen=True, slots=True)
class Background:
    """A command that runs until it is stopped, and what it has written so far."""

    process: subprocess.Popen[bytes]
    log: Path

    def wait_for(self, text: str) -> None:
        """Return when the text is in the log; AssertionError when the command ends before."""
        deadline = time.monotonic() + COMMAND_SECONDS
        while text not in self.log.read_text():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, f"{text} is not in {self.log.read_text()}"
            time.sleep(0.05)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal; gives the exit code. Raises TimeoutExpired after the promised time."""
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)


@contextmanager
def background(deployment: Deployment, *arguments: str) -> Iterator[Background]:
    """Start a command; killed at the end unless it has ended."""
    log = deployment.folder / f"{arguments[0]}-{time.monotonic_ns()}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [ENGAGE, *arguments],
            cwd=deployment.folder,
            env=deployment.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Background(process, log)
    finally:
        process.kill()
        process.wait()


@contextmanager
def workers(deployment: Deployment, number: int = 1) -> Iterator[list[Background]]:
    """Run so many workers; they must stop in order, with exit code 0."""
    started = []
    with background(deployment, "run") as first:
        first.wait_for("shard_taken_over")
        started.append(first)
        if number == 1:
            yield started
        else:
            with workers(deployment, number - 1) as others:
                yield started + others
        assert first.stop() == 0, first.log.read_text()
