"""Each part in turn, several rounds, each time in a process of its own."""

import asyncio
import multiprocessing
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from urllib.parse import urlsplit

import asyncpg
import uvloop
from rich.progress import Progress as ProgressBar

from benchmarks.contestants import Engine, Scene
from benchmarks.floors.fetching import Fetch
from benchmarks.floors.part import Part
from benchmarks.floors.sending import Send
from benchmarks.floors.sizes import Sizes
from benchmarks.floors.tick import Tick
from benchmarks.floors.upserting import Upsert
from benchmarks.ingest import WrongStateError, database, in_turn
from benchmarks.meters import Cpu
from benchmarks.results import FloorRun
from benchmarks.services import Services
from benchmarks.ticks import THRESHOLDS, cases, warmed_up

_PART_SECONDS = 300.0


async def measure_floors(services: Services, sizes: Sizes, rounds: int) -> list[FloorRun]:
    """All rounds of all parts. Raises WrongStateError."""
    stream, topic = sizes.stream, f"activity-floors-{sizes.stream.name}"
    name = f"floors-{stream.name}"
    runs = []
    with ProgressBar() as bar:
        task = bar.add_task(f"{stream.name}: the engine takes {stream.events:,} events in", total=None)
        await stream.load(services.kafka, topic)
        async with database(services, name) as dsn:
            async with warmed_up(Engine(settings=THRESHOLDS), Scene(services, topic, dsn, name), stream):
                pass
            await _analyse(dsn)
            parts = _parts(sizes, topic, urlsplit(dsn).path.removeprefix("/"))
            bar.update(task, total=rounds * len(parts))
            for number, part in in_turn(parts, rounds):
                bar.update(task, description=f"round {number + 1}: {part.name}")
                run = await run_part(part, services, f"{name}-{number}-{parts.index(part)}")
                runs.append(replace(run, round=number, stream=stream.name))
                bar.advance(task)
    return runs


def _parts(sizes: Sizes, topic: str, state: str) -> Sequence[Part]:
    stream = sizes.stream
    *_, everybody = cases(stream, 1)
    return (
        Fetch(topic, stream.events, validates=False),
        Fetch(topic, stream.events, validates=True),
        Upsert(stream.users, sizes.rows, sizes.times),
        Send(sizes.messages, sizes.times, compression=None),
        Send(sizes.messages, sizes.times, compression="zstd"),
        Tick(state, everybody.at, stream.users, sizes.chunk),
    )


async def _analyse(dsn: str) -> None:
    """The planner's figures are no matter of luck, and the copies have them too."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("ANALYZE")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def run_part(part: Part, services: Services, name: str) -> FloorRun:
    """In a process of its own. Raises WrongStateError when it does not do all of its work."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return await asyncio.get_running_loop().run_in_executor(pool, _in_process, part, services, name)


def _in_process(part: Part, services: Services, name: str) -> FloorRun:
    return uvloop.run(_measured(part, services, name))


async def _measured(part: Part, services: Services, name: str) -> FloorRun:
    pids = os.getpid(), services.broker_pid, services.postgres_pid
    async with part.ready(services, name) as work:
        before, started = Cpu.read(*pids), time.monotonic()
        try:
            done = await asyncio.wait_for(work(), _PART_SECONDS)
        except TimeoutError as error:
            raise WrongStateError(f"{part.name} did not end") from error
        seconds, used = time.monotonic() - started, Cpu.read(*pids).since(before)
    if done != part.count:
        raise WrongStateError(f"{part.name}: {done:,} {part.unit} instead of {part.count:,}")
    return FloorRun(0, part.name, "", part.unit, done, seconds, used)
