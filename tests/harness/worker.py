"""A worker process as `engage run` starts it, with what a campaign needs on top.

Variables: ``ENGAGE_TEST_CRASH``, such as ``publish 2|after|3``: SIGKILL itself right after the third time that step is
done (of several, separated by commas, whichever comes first), or ``publish 2|after|3|stop``: SIGSTOP itself there, and
go on when woken (besides the numbered steps there is ``producer start``); ``ENGAGE_TEST_CRASH_FILE``: where it says so
first; ``ENGAGE_TEST_CHUNK_USERS``: users per chunk, small ones make many chunks;
``ENGAGE_TEST_POLL_INTERVAL_SECONDS``: after how long without a poll the client leaves the group for good;
``ENGAGE_TEST_MUTANT``: a defect to build in.
"""

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from adapters.kafka.activity import POLL_INTERVAL_SECONDS
from adapters.kafka.producer import KafkaProducers, KafkaShardProducer
from consumer.commands.errors import OPERATOR_ERRORS, exit_code
from consumer.commands.run import run_service
from consumer.cycle import CHUNK_USERS
from consumer.logs import configure_logs
from consumer.settings import load_settings
from consumer.steps import STEPS
from consumer.wiring import Tuning
from tests.harness.mutants import HARMLESS, MUTANTS

Moment = Literal["before", "after"]
_STOP = "|stop"
# Within the step `initialise`: the moment from which on every other producer of the shard is fenced.
_PRODUCER_START = "producer start"


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
    if step not in (*STEPS, _PRODUCER_START) or moment not in ("before", "after"):
        raise ValueError(f"no such point: {text}; the steps are {', '.join(STEPS)}")
    return step, moment, int(nth)


def _hook() -> Callable[[str, Moment], None]:
    points = os.environ.get("ENGAGE_TEST_CRASH")
    if not points:
        return lambda _step, _moment: None
    return CrashPoints(points, Path(os.environ["ENGAGE_TEST_CRASH_FILE"]))


def _announce_producers(hook: Callable[[str, Moment], None]) -> None:
    """The hook hears of each start of a producer too."""
    sound = KafkaProducers.start

    async def start(self: KafkaProducers, shard: int) -> KafkaShardProducer:
        hook(_PRODUCER_START, "before")
        producer = await sound(self, shard)
        hook(_PRODUCER_START, "after")
        return producer

    KafkaProducers.start = start  # type: ignore[method-assign]  # what is no step has no hook


def build_in_defect() -> None:
    """The one that the environment names; to be done before anything else is changed."""
    (MUTANTS | HARMLESS)[os.environ.get("ENGAGE_TEST_MUTANT", "none")]()


def run_worker(hook: Callable[[str, Moment], None]) -> None:
    """The service, with a hook that hears of each step."""
    settings = load_settings()
    configure_logs(settings)
    tuning = Tuning(
        hook=hook,
        chunk_users=int(os.environ.get("ENGAGE_TEST_CHUNK_USERS", CHUNK_USERS)),
        poll_interval_seconds=float(os.environ.get("ENGAGE_TEST_POLL_INTERVAL_SECONDS", POLL_INTERVAL_SECONDS)),
    )
    try:
        run_service(settings, tuning)
    except OPERATOR_ERRORS as error:
        sys.exit(exit_code(error))


def _main() -> None:
    build_in_defect()
    hook = _hook()
    _announce_producers(hook)
    run_worker(hook)


if __name__ == "__main__":
    _main()
