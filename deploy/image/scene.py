"""What the image must be able to do, as an operator sees it, with a real Kafka and Postgres."""

import errno
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deploy.image.container import Container, Ended, Service

_READY_SECONDS = 60.0
_POLL_SECONDS = 0.2
_STOP_SECONDS = 10.0  # promised for a stop in order
_USER_ID, _NAME, _SILENCE = "12", "Ghost Gary", timedelta(days=5)
_GREETING = "Hey Ghost Gary, we miss you! 😉"

Say = Callable[[str], None]
"""Takes a line about what has been seen."""


class ImageError(Exception):
    """The image does something else than it should; the text says what, with the output or the end of the log."""


def play(container: Container, folder: Path, say: Say) -> None:
    """Initialise, serve, be healthy, send a message at a tick, and stop in order. Raises ImageError, PlatformError.

    The settings of the container name services that nobody else uses. Logs go to the folder.
    """
    initialised = _succeeded("engage init", container.run("init"))
    say(f"engage init: {initialised.splitlines()[-1]}")
    with _running(container, folder / "engine.log") as service:
        _wait_until_healthy(service)
        say(f"{' '.join(container.image.health_command)}: healthy")
        say(_confinement(service, container))
        say(f"a message came out: {_message(container)}")
        begin = time.monotonic()
        code = service.end(signal.SIGTERM, _STOP_SECONDS)
        _require(code == 0, f"SIGTERM ended the service with exit code {code}, not 0:\n{service.log_tail()}")
        say(f"SIGTERM: exit code 0 after {time.monotonic() - begin:.1f} s")
    health = container.run(*container.image.health_command[1:])
    _require(health.code not in (0, 2), f"with no service running, the health check ends with {health}")
    say(f"the health check of a stopped service: exit code {health.code}")


@contextmanager
def _running(container: Container, log: Path) -> Iterator[Service]:
    service = container.start(log)
    try:
        yield service
    except ImageError as error:
        raise ImageError(f"{error}\nThe end of the service's log:\n{service.log_tail()}") from error
    finally:
        service.kill()


def _wait_until_healthy(service: Service) -> None:
    command = service.container.image.health_command
    deadline = time.monotonic() + _READY_SECONDS
    while (health := service.execute(*command)).code != 0:
        _require(time.monotonic() < deadline, f"still not healthy after {_READY_SECONDS:.0f} s: {health}")
        time.sleep(_POLL_SECONDS)


def _confinement(service: Service, container: Container) -> str:
    """What the service may not do, as the kernel sees it; ImageError when it may."""
    lines = Path(f"/proc/{service.first_process}/status").read_text().splitlines()
    status = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    image = container.image
    ids = status["Uid"] + status["Gid"]
    _require(ids == [str(image.user)] * 4 + [str(image.group)] * 4, f"the service runs as {ids}")
    _require(status["NSpid"][-1:] == ["1"], "the service is not process 1")
    _require(int(status["CapEff"][0], 16) == 0 and status["NoNewPrivs"] == ["1"], "the service has privileges")
    # Of root, so that it is the mount and not the owner of the folder that refuses.
    written = service.execute("touch", f"{image.folder}/file", user=0)
    _require(os.strerror(errno.EROFS) in written.stderr, f"its tree can be written to: {written}")
    return f"it is process 1, user {image.user}, without privileges, on a read-only tree"


def _message(container: Container) -> str:
    at = datetime.now(UTC)
    before = (at - _SILENCE).isoformat()
    _succeeded("engage produce", container.run("produce", "--user-id", _USER_ID, "--name", _NAME, "--at", before))
    cycle = json.loads(_succeeded("engage tick", container.run("tick", "--at", at.isoformat(), "--wait", "--json")))
    _require(cycle["messages_sent"] == 1, f"the cycle is {cycle}")
    received = _succeeded("engage notify", container.run("notify", "--until-end", "--json"))
    messages = [json.loads(line) for line in received.splitlines()]
    _require([message["content"] for message in messages] == [_GREETING], f"the messages are {messages}")
    return str(messages[0]["content"])


def _succeeded(name: str, ended: Ended) -> str:
    _require(ended.code == 0, f"{name} ended with exit code {ended.code}:\n{ended.stdout}{ended.stderr}")
    return ended.stdout


def _require(holds: bool, otherwise: str) -> None:  # noqa: FBT001  (read as a sentence)
    if not holds:
        raise ImageError(otherwise)
