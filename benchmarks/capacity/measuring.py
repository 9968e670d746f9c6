"""The points: streams taken in by a new process, and two ticks each."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg

from benchmarks.capacity.fitting import Point, Spent, Work
from benchmarks.contestants import Engine
from benchmarks.contestants.contestant import Scene
from benchmarks.ingest import database, working
from benchmarks.meters import Cpu
from benchmarks.services import Services
from benchmarks.streams import Stream, time_of
from benchmarks.ticks import THRESHOLD, THRESHOLDS, Case, everybody, run_tick, watching

_SIZE = "SELECT pg_total_relation_size('engagement.' || $1)"


@dataclass(frozen=True, slots=True)
class Sizes:
    """The streams that prices are fitted to, and one that they are checked with."""

    fitted: Sequence[Stream]
    held_back: Stream


FULL = Sizes(
    (
        Stream("new", users=500_000, events=500_000),
        Stream("spread", users=500_000, events=1_000_000),
        Stream("hot", users=20_000, events=1_000_000),
    ),
    Stream("mixed", users=200_000, events=1_000_000),
)


@dataclass(frozen=True, slots=True)
class Capacity:
    """Points by what they are for, and bytes on disk of a user and of a message in the log, indexes included."""

    fitted: Sequence[Point]
    held_back: Sequence[Point]
    user_bytes: float
    message_bytes: float


async def measure_capacity(services: Services, sizes: Sizes, rounds: int) -> Capacity:
    """Each stream in turn. Raises WrongStateError."""
    fitted: list[Point] = []
    held_back: list[Point] = []
    disk = (0.0, 0.0)
    for number in range(rounds):
        for stream in sizes.fitted:
            points, disk_of_stream = await _measure(services, stream, number)
            fitted += points
            disk = max(disk, disk_of_stream)
        held_back += (await _measure(services, sizes.held_back, number))[0]
    return Capacity(fitted, held_back, *disk)


async def _measure(services: Services, stream: Stream, number: int) -> tuple[list[Point], tuple[float, float]]:
    engine, name = Engine(settings=THRESHOLDS), f"capacity-{stream.name}-{number}"
    await stream.load(services.kafka, name)
    async with database(services, name) as dsn, _connected(dsn) as connection:
        scene = Scene(services, name, dsn, name)
        async with working(engine, scene) as work, watching(engine, scene) as watch:
            meter = _Meter(connection, (work.process.pid, services.broker_pid, services.postgres_pid))
            await meter.start()
            await work.until(stream.events)
            rows = _changed_rows(work.log)
            done = Work(events=stream.events, new=stream.users, known=rows - stream.users)
            points = [Point(f"{stream.name}: activity", done, await meter.spent())]
            for case in _cases(stream):
                due = await connection.fetchval("SELECT count(*) FROM engagement.users WHERE wake_at <= $1", case.at)
                await meter.start()
                await run_tick(engine, case, number, scene, watch, work.process.pid, stream)
                done = Work(woken=due - case.due, messages=case.due)
                points.append(Point(f"{stream.name}: {case.name}", done, await meter.spent()))
        sizes = [await connection.fetchval(_SIZE, table) for table in ("users", "message")]
    messages = sum(point.work.messages for point in points)
    return points, (sizes[0] / stream.users, sizes[1] / messages)


def _cases(stream: Stream) -> Sequence[Case]:
    """A tick for which everybody's wake time has come, but not everybody is due, and one for all."""
    last = sorted(stream.last_active().values())
    due = sum(at < time_of(stream.users) for at in last)
    return (
        Case("a tick, some came back", time_of(stream.users) + THRESHOLD, due),
        replace(everybody(stream), name="a tick, everybody is due"),
    )


def _changed_rows(log: Path) -> int:
    """How many rows of users the batches have changed, by the engine's own account."""
    lines = (json.loads(line) for line in log.read_bytes().splitlines() if b'"batch_committed"' in line)
    return sum(line["users"] for line in lines)


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


class _Meter:
    """Processor time and WAL between two moments."""

    def __init__(self, connection: asyncpg.Connection, pids: tuple[int, int, int]) -> None:
        self._connection = connection
        self._pids = pids
        self._before = Cpu(0, 0, 0)
        self._wal = 0

    async def start(self) -> None:
        self._wal = await self._written()
        self._before = Cpu.read(*self._pids)

    async def spent(self) -> Spent:
        cpu = Cpu.read(*self._pids).since(self._before)
        wal = await self._written() - self._wal
        return Spent(cpu.process * 1e6, cpu.broker * 1e6, cpu.postgres * 1e6, wal)

    async def _written(self) -> int:
        return int(await self._connection.fetchval("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"))
