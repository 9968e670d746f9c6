"""How fast a backlog of activity becomes state: contestants in turn, several rounds."""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import asyncpg
from rich.progress import Progress as ProgressBar

from benchmarks.arrivals import until
from benchmarks.contestants.contestant import Contestant, Progress, Scene, last_lines
from benchmarks.meters import Cpu, peak_memory_mb
from benchmarks.results import Run
from benchmarks.services import Services
from benchmarks.streams import Stream

T = TypeVar("T")

_LOOK_SECONDS = 0.05
_BEGIN_SECONDS, _RUN_SECONDS, _STOP_SECONDS = 60.0, 300.0, 30.0


class WrongStateError(Exception):
    """A contestant did not end with the state that the stream leads to, or did not end at all."""


async def measure_ingest(
    services: Services, streams: Sequence[Stream], contestants: Sequence[Contestant], rounds: int
) -> list[Run]:
    """All rounds of all streams. Raises WrongStateError."""
    runs = []
    with ProgressBar() as bar:
        task = bar.add_task("", total=rounds * len(streams) * len(contestants))
        for stream in streams:
            loaded: dict[Stream, _Loaded] = {}
            for own in dict.fromkeys(contestant.given(stream) for contestant in contestants):
                bar.update(task, description=f"{own.name}: writing {own.events:,} events")
                loaded[own] = await _load(services, own)
            for number, contestant in in_turn(contestants, rounds):
                bar.update(task, description=f"{stream.name}, round {number + 1}: {contestant.name}")
                name = f"{stream.name}-{number}-{contestants.index(contestant)}"
                async with database(services, name) as dsn:
                    given = loaded[contestant.given(stream)]
                    scene = Scene(services, given.topic, dsn, name)
                    runs.append(await _run(contestant, given, scene, number))
                bar.advance(task)
    return runs


def in_turn(contestants: Sequence[T], rounds: int) -> Iterator[tuple[int, T]]:
    """Who runs when, by round: whoever is first may find the machine in another state, so each is at times."""
    for number in range(rounds):
        place = number % len(contestants)
        yield from ((number, contestant) for contestant in [*contestants[place:], *contestants[:place]])


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A stream that lies in its topic, and the state that it leads to."""

    stream: Stream
    topic: str
    expected: Mapping[str, datetime]


async def _load(services: Services, stream: Stream) -> _Loaded:
    topic = f"activity-{stream.name}-{stream.events}"
    await stream.load(services.kafka, topic)
    return _Loaded(stream, topic, stream.last_active())


async def _run(contestant: Contestant, loaded: _Loaded, scene: Scene, number: int) -> Run:
    stream, expected = loaded.stream, loaded.expected
    async with working(contestant, scene) as work:
        pids = work.process.pid, scene.services.broker_pid, scene.services.postgres_pid
        started, before = time.monotonic(), Cpu.read(*pids)
        await work.until(stream.events)
        seconds, used = time.monotonic() - started, Cpu.read(*pids).since(before)
        memory = peak_memory_mb(work.process.pid)
    state = await contestant.last_active(scene)
    if state != expected:
        wrong = sum(state.get(user) != at for user, at in expected.items())
        raise WrongStateError(f"{contestant.name}: {wrong:,} of {len(expected):,} users are wrong at {stream.name}")
    return Run(number, contestant.name, contestant.promises, stream.name, stream.events, seconds, used, memory)


@dataclass(frozen=True, slots=True)
class Working:
    """A contestant that has begun."""

    contestant: Contestant
    process: "subprocess.Popen[bytes]"
    log: Path
    progress: Progress

    async def until(self, events: int) -> None:
        """Wait until the effect of so many events is committed."""
        await self.wait(lambda: self._reached(events), _RUN_SECONDS, _LOOK_SECONDS)

    async def wait(self, holds: Callable[[], Awaitable[bool]], seconds: float, pause: float) -> None:
        """Wait until it holds. Raises WrongStateError when that takes too long."""
        try:
            await until(holds, seconds, pause)
        except (TimeoutError, OSError) as error:
            raise WrongStateError(f"{self.contestant.name} did not end:\n{last_lines(self.log)}") from error

    async def has_begun(self) -> bool:
        """Whether it has received a record."""
        return self.contestant.has_begun(self.log)

    async def _reached(self, events: int) -> bool:
        return await self.progress() >= events


@asynccontextmanager
async def working(contestant: Contestant, scene: Scene) -> AsyncIterator[Working]:
    """One that has received its first record, ended afterwards. Raises WrongStateError."""
    log = scene.folder / f"{scene.name}.log"
    await contestant.prepare(scene)
    async with contestant.progress(scene) as progress:
        work = Working(contestant, contestant.start(scene, log), log, progress)
        try:
            await work.wait(work.has_begun, _BEGIN_SECONDS, _LOOK_SECONDS / 10)
            yield work
        finally:
            work.process.terminate()
            await asyncio.to_thread(work.process.wait, _STOP_SECONDS)


@asynccontextmanager
async def run_until(contestant: Contestant, scene: Scene, events: int) -> AsyncIterator[int]:
    """The pid of one that works, and has the effect of so many events committed. Raises WrongStateError."""
    async with working(contestant, scene) as work:
        await work.until(events)
        yield work.process.pid


@asynccontextmanager
async def database(services: Services, name: str, template: str = "template1") -> AsyncIterator[str]:
    """An empty one, or a copy, gone afterwards, its leftovers written out: the next one pays for nothing of it."""
    base, _, _ = services.postgres_dsn.rpartition("/")
    connection = await asyncpg.connect(services.postgres_dsn)
    try:
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield f"{base}/{name}"
        finally:
            await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
            await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
