"""Ticks beside the loop that tutorials of web frameworks show: fewer users, of whom nobody or everybody is due.

The loop publishes nothing, and takes no activity in: its users are put into its table, so only its ticks are compared.
"""

import asyncio
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeAlias

import asyncpg

from benchmarks.contestants import Engine
from benchmarks.contestants.contestant import last_lines, own_environment
from benchmarks.environments import python_of
from benchmarks.ingest import WrongStateError, database, in_turn
from benchmarks.meters import Cpu, peak_memory_mb
from benchmarks.results import TickRun
from benchmarks.services import Services
from benchmarks.streams import Stream
from benchmarks.ticks import FIRST_DUE, THRESHOLDS, Case, cases, measure_ticks, warm_up

_Measure: TypeAlias = Callable[[Services, Stream, Sequence[Case]], Awaitable[list[TickRun]]]

_APP = Path(__file__).parent / "peers" / "tutorial" / "app.py"
USERS = Stream("users", users=20_000, events=20_000)
_MESSAGES = "SELECT count(*) AS messages, count(DISTINCT user_id) AS users FROM message WHERE sent_at = $1"
_READY_SECONDS, _TICK_SECONDS = 60.0, 300.0


@dataclass(frozen=True, slots=True)
class Loop:
    """One way to write it, and what runs it."""

    name: str
    command: Sequence[str]


def loops() -> Sequence[Loop]:
    """Those of `peers/tutorial`. Raises UnavailableError."""
    command = (str(python_of("tutorial")), str(_APP))
    return (
        Loop("web-tutorial loop, a commit each", (*command, "each")),
        Loop("web-tutorial loop, one commit", (*command, "one")),
    )


async def measure_tutorial(services: Services, stream: Stream, loops: Sequence[Loop], rounds: int) -> list[TickRun]:
    """The engine and the loops in turn. Raises WrongStateError."""
    nobody, _, everybody = cases(stream, 1)
    turns: Sequence[_Measure] = (_measure_engine, *(partial(measure_loop, loop) for loop in loops))
    runs: list[TickRun] = []
    for number, measure in in_turn(turns, rounds):
        own = replace(stream, name=f"tutorial-{stream.name}-{number}")
        runs += [replace(run, round=number) for run in await measure(services, own, (nobody, everybody))]
    return runs


async def _measure_engine(services: Services, stream: Stream, ticks: Sequence[Case]) -> list[TickRun]:
    return await measure_ticks(services, stream, ticks, [Engine(settings=THRESHOLDS)], rounds=1)


async def measure_loop(loop: Loop, services: Services, stream: Stream, ticks: Sequence[Case]) -> list[TickRun]:
    """A new process of the loop, and a tick for each case. Raises WrongStateError."""
    log = services.folder / f"{stream.name}.log"
    async with database(services, f"loop-{stream.name}") as dsn, _started(loop, dsn, log) as started:
        await started.answer(b"ready\n", _READY_SECONDS)
        connection = await asyncpg.connect(dsn)
        try:
            await _fill(connection, stream)
            # All whom the others message at their first ticks, one by one.
            first = replace(warm_up(stream)[-1], due=FIRST_DUE)
            await _run(started, first, stream, services, connection)
            return [await _run(started, case, stream, services, connection) for case in ticks]
        finally:
            await connection.close()


@dataclass(frozen=True, slots=True)
class _Started:
    """A loop that waits for a time on its standard input, and says when it is done with it."""

    loop: Loop
    process: Process
    log: Path

    async def answer(self, line: bytes, seconds: float) -> None:
        """Wait until it says this. Raises WrongStateError when it says something else, or nothing for too long."""
        said = b""
        if self.process.stdout is not None:
            with suppress(TimeoutError):
                said = await asyncio.wait_for(self.process.stdout.readline(), seconds)
        if said != line:
            raise WrongStateError(f"{self.loop.name} said {said!r} instead of {line!r}:\n{last_lines(self.log)}")

    async def evaluate(self, at: datetime) -> None:
        """A tick, to its end. Raises WrongStateError."""
        if self.process.stdin is not None:
            self.process.stdin.write(at.isoformat().encode() + b"\n")
        await self.answer(b"ended\n", _TICK_SECONDS)


@asynccontextmanager
async def _started(loop: Loop, dsn: str, log: Path) -> AsyncIterator[_Started]:
    environment = {**own_environment(), "POSTGRES_DSN": dsn}
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *loop.command, env=environment, stdin=PIPE, stdout=PIPE, stderr=errors
        )
    try:
        yield _Started(loop, process, log)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _run(
    started: _Started, case: Case, stream: Stream, services: Services, connection: asyncpg.Connection
) -> TickRun:
    pids = started.process.pid, services.broker_pid, services.postgres_pid
    began, used = time.monotonic(), Cpu.read(*pids)
    await started.evaluate(case.at)
    seconds, used = time.monotonic() - began, Cpu.read(*pids).since(used)
    [(messages, users)] = await connection.fetch(_MESSAGES, case.at)
    if (messages, users) != (case.due, case.due):
        raise WrongStateError(f"{started.loop.name}: {messages:,} messages instead of {case.due:,} where {case.name}")
    return TickRun(
        round=0,
        contestant=started.loop.name,
        case=case.name,
        users=stream.users,
        due=case.due,
        first_message=None,
        last_message=seconds if case.due else None,
        ended=seconds,
        cpu=used,
        peak_memory_mb=peak_memory_mb(started.process.pid),
    )


async def _fill(connection: asyncpg.Connection, stream: Stream) -> None:
    users = [(number, user, at) for number, (user, at) in enumerate(stream.last_active().items())]
    await connection.copy_records_to_table("user_account", records=users, columns=["id", "name", "last_active"])
    await connection.execute("ANALYZE user_account")
    await connection.execute("CHECKPOINT")
