"""A worker process as `engage run` starts it, with what a campaign needs on top.

Variables: ``ENGAGE_TEST_CRASH``, such as ``publish 2|after|3``: SIGKILL itself right after the third time that step is
done (of several, separated by commas, whichever comes first), or ``publish 2|after|3|stop``: SIGSTOP itself there, and
go on when woken; ``ENGAGE_TEST_CRASH_FILE``: where it says so first;
``ENGAGE_TEST_CHUNK_USERS``: users per chunk, small ones make many chunks; ``ENGAGE_TEST_MUTANT``: a defect to build in.
"""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from consumer.cycle import CHUNK_USERS
from consumer.logs import configure_logs
from consumer.settings import load_settings
from consumer.steps import STEPS
from consumer.wiring import open_service
from tests.harness.mutants import MUTANTS

Moment = Literal["before", "after"]
_STOP = "|stop"


class CrashPoints:
    """A step hook that ends or stops the process, without a word to anybody, at each of the given points."""

    def __init__(self, points: str, file: Path) -> None:
        self._signals = {
            parse_point(point.removesuffix(_STOP)): signal.SIGSTOP if point.endswith(_STOP) else signal.SIGKILL
            for point in points.split(",")
        }
        self._file = file
        self._seen: Counter[tuple[str, str]] = Counter()

    def __call__(self, step: str, moment: Moment) -> None:
        self._seen[step, moment] += 1
        point = (step, moment, self._seen[step, moment])
        if point in self._signals:
            # The kernel keeps what was written, whatever happens to the process. Nobody finds a half-written file.
            part = self._file.with_suffix(".part")
            part.write_text("|".join(map(str, point)), encoding="utf-8")
            part.replace(self._file)
            os.kill(os.getpid(), self._signals[point])


def parse_point(text: str) -> tuple[str, str, int]:
    """Step, moment and which time, from ``publish 2|after|3``. Raises ValueError for a step that doesn't exist."""
    step, moment, nth = text.split("|")
    if step not in STEPS or moment not in ("before", "after"):
        raise ValueError(f"no such point: {text}; the steps are {', '.join(STEPS)}")
    return step, moment, int(nth)


def _hook() -> Callable[[str, Moment], None]:
    points = os.environ.get("ENGAGE_TEST_CRASH")
    if not points:
        return lambda _step, _moment: None
    return CrashPoints(points, Path(os.environ["ENGAGE_TEST_CRASH_FILE"]))


async def _main() -> None:
    settings = load_settings()
    configure_logs(settings)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    chunk_users = int(os.environ.get("ENGAGE_TEST_CHUNK_USERS", CHUNK_USERS))
    async with open_service(settings, hook=_hook(), chunk_users=chunk_users) as service:
        await service.run(stop)


if __name__ == "__main__":
    MUTANTS[os.environ.get("ENGAGE_TEST_MUTANT", "none")]()
    asyncio.run(_main())
