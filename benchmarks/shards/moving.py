"""A second process comes, is stopped, comes again and is killed: how soon each shard has its owner, each time."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import asyncpg

from benchmarks.arrivals import until
from benchmarks.contestants import Engine, Scene
from benchmarks.contestants.contestant import last_lines
from benchmarks.ingest import WrongStateError, database, working
from benchmarks.services import Services
from benchmarks.shards.accounts import Account, Epochs, account_of, risen, settled, taken_at
from benchmarks.shards.figures import Move
from benchmarks.streams import Stream
from benchmarks.ticks import THRESHOLDS, run_tick, warm_up, watching

JOINS = "a second process joins"
STOPPED = "it is stopped (SIGTERM)"
KILLED = "it is killed (SIGKILL)"

# The logs hold the times: looks need not be frequent, and cost time of the processors that everybody shares.
_LOOK_SECONDS = 0.1
# Beside the session timeout, which a killed process is waited for.
_SETTLE_SECONDS, _END_SECONDS = 60.0, 30.0
# Each member sends one a second. How soon it hears of a change depends on when that comes between two of them: steps of
# this share of the time between them spread evenly, however many there are.
_HEARTBEAT_SECONDS, _SPREADING = 1.0, 0.618

Process: TypeAlias = "subprocess.Popen[bytes]"


async def measure_moves(
    services: Services, stream: Stream, topic: str, number: int, session_timeout_seconds: float
) -> list[Move]:
    """One round, of a stream that lies in the topic. Raises WrongStateError."""
    name = f"moves-{stream.partitions}-{number}"
    engine = Engine(settings={**THRESHOLDS, "SESSION_TIMEOUT_SECONDS": f"{session_timeout_seconds:g}"})
    began = datetime.now(UTC)
    async with database(services, name) as dsn:
        scene = Scene(services, topic, dsn, name, stream.partitions)
        async with working(engine, scene) as work:
            await work.until(stream.events)
            group = _Group(engine, scene, number, session_timeout_seconds + _SETTLE_SECONDS, work.log)
            await group.settle([work.log], began)
            await _first_tick(engine, scene, stream, number, work.process.pid)
            moves = [*await group.stopped(), *await group.killed()]
        if await engine.last_active(scene) != stream.last_active():
            raise WrongStateError(f"{name}: the state is not what the stream leads to")
    return moves


@dataclass(frozen=True, slots=True)
class _Change:
    """What began then, with the epochs that were stored before it."""

    case: str
    began: datetime
    before: Epochs


@dataclass(frozen=True, slots=True)
class _Group:
    """The group of one engine. ``first``: the log of the process that stays. ``seconds``: what a change may take."""

    engine: Engine
    scene: Scene
    round: int
    seconds: float
    first: Path

    async def stopped(self) -> list[Move]:
        """A second process joins and is stopped. Raises WrongStateError."""
        log = self.scene.folder / f"{self.scene.name}-stopped.log"
        async with self._joining(log) as (second, joined):
            await self._between_heartbeats()
            change = await self._change(STOPPED)
            second.terminate()
            await self.settle([self.first], change.began)
            await _ended(second, log)
            left = _account(log).stopped
            if left is None:
                raise WrongStateError(
                    f"{self.scene.name}: the second process has not left in order:\n{last_lines(log)}"
                )
            return [joined, await self._back(change, log, left)]

    async def killed(self) -> list[Move]:
        """A second process joins and is killed. Raises WrongStateError."""
        log = self.scene.folder / f"{self.scene.name}-killed.log"
        async with self._joining(log) as (second, joined):
            await self._between_heartbeats()
            change = await self._change(KILLED)
            second.kill()
            await self.settle([self.first], change.began)
            return [joined, await self._back(change, log, None)]

    @asynccontextmanager
    async def _joining(self, log: Path) -> AsyncIterator[tuple[Process, Move]]:
        """A second process that has its shards, and how that went."""
        change = await self._change(JOINS)
        second = self.engine.start(self.scene, log)
        try:
            await self.settle([self.first, log], change.began)
            yield second, await self._joined(change, log)
        finally:
            second.kill()
            await asyncio.to_thread(second.wait, _END_SECONDS)

    async def _between_heartbeats(self) -> None:
        """Wait for a moment that is another one in each round, behind the first heartbeats of all members."""
        await asyncio.sleep(_HEARTBEAT_SECONDS * (1 + (self.round + 1) * _SPREADING % 1))

    async def settle(self, logs: Sequence[Path], since: datetime) -> None:
        """Wait until each shard has its owner among the processes with these logs. Raises WrongStateError."""

        async def holds() -> bool:
            accounts = [_account(log) for log in logs]
            return settled(accounts, await _epochs(self.scene), since)

        try:
            await until(holds, self.seconds, _LOOK_SECONDS)
        except TimeoutError as error:
            tails = "\n".join(last_lines(log) for log in logs)
            raise WrongStateError(f"{self.scene.name}: not every shard got its owner:\n{tails}") from error

    async def _change(self, case: str) -> _Change:
        before = await _epochs(self.scene)
        return _Change(case, datetime.now(UTC), before)

    async def _joined(self, change: _Change, log: Path) -> Move:
        """The first one works for a shard until it hears that it is not its own any more."""
        first, second = _account(self.first), _account(log)
        released = first.assigned[-1].at
        return await self._move(change, [first, second], second.assigned[-1].shards, second.started, released)

    async def _back(self, change: _Change, log: Path, left: datetime | None) -> Move:
        """The second one may work until it ends, which begins with the signal."""
        shards = _account(log).assigned[-1].shards
        return await self._move(change, [_account(self.first)], shards, left, change.began)

    async def _move(
        self,
        change: _Change,
        living: Sequence[Account],
        expected: frozenset[int],
        process: datetime | None,
        released: datetime,
    ) -> Move:
        after = await _epochs(self.scene)
        moved = risen(change.before, after)
        if moved != expected or not 0 < len(moved) < len(after):
            raise WrongStateError(f"{change.case}: {sorted(moved)} were taken over, and not {sorted(expected)}")
        taken = taken_at(living, after, moved)
        assigned = max(account.assigned[-1].at for account in living)
        return Move(
            round=self.round,
            case=change.case,
            shards=len(after),
            process=None if process is None else _seconds(change.began, process),
            assigned=_seconds(change.began, assigned),
            owned=_seconds(change.began, max(assigned, *taken.values())),
            # Two processes hear of one assignment in any order.
            idle=[max(0.0, _seconds(released, taken[shard])) for shard in sorted(moved)],
        )


async def _first_tick(engine: Engine, scene: Scene, stream: Stream, number: int, pid: int) -> None:
    """After it, each shard has its producer, as in a deployment."""
    first, *_ = warm_up(stream)
    async with watching(engine, scene) as watch:
        await run_tick(engine, first, number, scene, watch, pid, stream)


def _account(log: Path) -> Account:
    return account_of(log.read_bytes())


def _seconds(since: datetime, at: datetime) -> float:
    return (at - since).total_seconds()


async def _ended(process: Process, log: Path) -> None:
    try:
        code = await asyncio.to_thread(process.wait, _END_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise WrongStateError(f"a process that was stopped goes on:\n{last_lines(log)}") from error
    if code:
        raise WrongStateError(f"a process that was stopped ended with code {code}:\n{last_lines(log)}")


async def _epochs(scene: Scene) -> Mapping[int, int]:
    connection = await asyncpg.connect(scene.dsn)
    try:
        return {
            row["shard"]: row["epoch"] for row in await connection.fetch("SELECT shard, epoch FROM engagement.shard")
        }
    finally:
        await connection.close()
