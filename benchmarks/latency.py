"""How soon things show: a tick's messages to who reads committed records only, and an event in the state."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

import asyncpg
import msgspec
from asyncpg.prepared_stmt import PreparedStatement

from adapters.kafka.partitioner import partition_for
from benchmarks.arrivals import until
from benchmarks.contestants import Engine, Scene
from benchmarks.ingest import database
from benchmarks.results import TickRun, Waits
from benchmarks.services import Services
from benchmarks.streams import PARTITIONS, Stream
from benchmarks.ticks import FIRST_DUE, THRESHOLD, THRESHOLDS, Case, Watch, run_tick, warmed_up

_LOOK_SECONDS = 0.001
_SHOWS_SECONDS = 60.0
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Sizes:
    """``ticks`` with so many users ``due`` at each, and ``events``.

    First while nothing else comes in, then as many while ``rate`` other events come a second. Before all of them, so
    many ticks that aren't measured: a broker that has hardly run takes twice as long, until its code is compiled.
    """

    stream: Stream
    due: int = 1_000
    ticks: int = 60
    warm_up: int = 60
    events: int = 200
    rate: int = 40_000


FULL = Sizes(Stream("latency", users=200_000, events=200_000))


async def measure_latency(services: Services, sizes: Sizes) -> list[Waits]:
    """Idle, and while activity comes. Raises WrongStateError."""
    stream, engine = sizes.stream, Engine(settings=THRESHOLDS)
    topic = f"activity-{stream.name}"
    await stream.load(services.kafka, topic)
    found: list[Waits] = []
    async with database(services, stream.name) as dsn:
        scene = Scene(services, topic, dsn, stream.name)
        async with warmed_up(engine, scene, stream) as (pid, watch):
            turns = _turns(sizes)
            for case in islice(turns, sizes.warm_up):
                await run_tick(engine, case, 0, scene, watch, pid, stream)
            for rate in (0, sizes.rate):
                async with _fed(scene, rate):
                    cases = islice(turns, sizes.ticks)
                    runs = [await run_tick(engine, case, 0, scene, watch, pid, stream) for case in cases]
                    shown = await _shown(scene, watch, rate, sizes.events)
                found += _waits(runs, shown, f"{rate:,} events/s" if rate else "nothing")
    return found


def _waits(runs: Sequence[TickRun], shown: Sequence[float], load: str) -> Iterator[Waits]:
    tick = f"a tick, {runs[0].due:,} are due"
    yield Waits(f"{tick}: first message", load, [run.first_message for run in runs if run.first_message is not None])
    yield Waits(f"{tick}: last message", load, [run.last_message for run in runs if run.last_message is not None])
    yield Waits(f"{tick}: end", load, [run.ended for run in runs])
    yield Waits("an event: the state has it", load, shown)


def _turns(sizes: Sizes) -> Iterator[Case]:
    """Ticks, each at the moment at which the next users are due."""
    last = sorted(sizes.stream.last_active().values())
    for number in range(1, (len(last) - FIRST_DUE) // sizes.due + 1):
        yield Case(f"tick {number}", last[FIRST_DUE + sizes.due * number - 1] + THRESHOLD + _MICROSECOND, sizes.due)


async def _shown(scene: Scene, watch: Watch, rate: int, events: int) -> list[float]:
    """From an event's produce until its user is in the state, one after the other."""
    connection = await asyncpg.connect(scene.dsn)
    try:
        statement = await connection.prepare("SELECT FROM engagement.users WHERE user_id = $1")
        return [await _shows(scene, watch, statement, f"visitor-{rate}-{number}") for number in range(events)]
    finally:
        await connection.close()


async def _shows(scene: Scene, watch: Watch, statement: PreparedStatement, user: str) -> float:
    event = {"type": "user.active", "user_id": user, "occurred_at": datetime.now(UTC)}
    key, started = user.encode(), time.monotonic()
    place = partition_for(key, PARTITIONS)
    await watch.producer.send_and_wait(scene.topic, msgspec.json.encode(event), key=key, partition=place)

    async def there() -> bool:
        return bool(await statement.fetch(user))

    await until(there, _SHOWS_SECONDS, _LOOK_SECONDS)
    return time.monotonic() - started


@asynccontextmanager
async def _fed(scene: Scene, rate: int) -> AsyncIterator[None]:
    """While so many events a second of other users come, who are never due."""
    if not rate:
        yield
        return
    command = (sys.executable, "-m", "benchmarks.feed", scene.services.kafka, scene.topic, str(rate))
    feeding = await asyncio.create_subprocess_exec(*command)
    try:
        yield
    finally:
        feeding.terminate()
        await feeding.wait()
