"""What the number of users costs, at a tick that is not about them, and in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from benchmarks.contestants import Engine
from benchmarks.contestants.contestant import Scene
from benchmarks.ingest import database
from benchmarks.results import TickRun
from benchmarks.services import Services
from benchmarks.streams import Stream
from benchmarks.ticks import FIRST_DUE, THRESHOLD, THRESHOLDS, Case, everybody, run_tick, warmed_up

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of users; of each, so many ticks at which nobody is due, as many at which some are, and one for all."""

    users: Sequence[int] = (10_000, 100_000, 500_000, 2_000_000, 5_000_000)
    ticks: int = 20
    due: int = 100


async def measure_sizes(services: Services, sizes: Sizes) -> list[TickRun]:
    """One number of users after the other. Raises WrongStateError."""
    runs: list[TickRun] = []
    for users in sizes.users:
        runs += await _measure(services, Stream(f"users-{users}", users=users, events=users), sizes)
    return runs


async def _measure(services: Services, stream: Stream, sizes: Sizes) -> list[TickRun]:
    engine, topic = Engine(settings=THRESHOLDS), f"activity-{stream.name}"
    await stream.load(services.kafka, topic)
    async with database(services, stream.name) as dsn:
        scene = Scene(services, topic, dsn, stream.name)
        async with warmed_up(engine, scene, stream) as (pid, watch):
            return [
                await run_tick(engine, case, number, scene, watch, pid, stream)
                for number, case in enumerate(_cases(stream, sizes))
            ]


def _cases(stream: Stream, sizes: Sizes) -> Iterator[Case]:
    """In the order of their times. Between two events lies a millisecond, in which nobody becomes due."""
    last = sorted(stream.last_active().values())
    for number in range(sizes.ticks):
        yield Case("nobody is due", last[FIRST_DUE] + THRESHOLD - (sizes.ticks - number) * _MICROSECOND, 0)
    for number in range(1, sizes.ticks + 1):
        at = last[FIRST_DUE + number * sizes.due - 1] + THRESHOLD + _MICROSECOND
        yield Case(f"{sizes.due:,} are due", at, sizes.due)
    yield everybody(stream)
