"""What the commands ask the state: read-only, mostly one statement each."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from adapters.postgres.progress import read_running_cycles
from adapters.postgres.queries import ask
from adapters.postgres.rows import cycle_of, known_user, optional_time, shard_state
from domain.cycles import Cycle
from domain.known_user import KnownUser
from domain.ownership import ShardState
from domain.progress import RunningCycle
from domain.ticks import Verdict


@dataclass(frozen=True, slots=True)
class TickState:
    """What became of one record of the tick topic; ``ended`` says whether every shard is done with it."""

    verdict: Verdict
    ended: bool


@dataclass(frozen=True, slots=True)
class StoredShard:
    """A shard's row; halted exactly when it has a reason, and the time since when."""

    state: ShardState
    halted_reason: str | None
    halted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Deployment:
    """What all shards agree on: how many they are, the next offset of the tick topic to judge, whether any can work."""

    shards: int
    tick_next: int
    read_only: bool


class Reports:
    """Reads a pool's database. Every method raises TransientError, and MisconfiguredError where there is no schema."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def has_users(self) -> bool:
        """Whether the state knows any user."""
        return bool(await self._value("has_users"))

    async def tick(self, offset: int) -> TickState | None:
        """What became of the record at this offset of the tick topic; None while nobody has judged it."""
        rows = await ask(self._pool, "read_tick", offset)
        return TickState(Verdict(rows[0]["verdict"]), rows[0]["ended"]) if rows else None

    async def halted_shards(self) -> dict[int, str]:
        """The shards that wait for an operator's decision, in order, each with why."""
        return {row["shard"]: row["halted_reason"] for row in await ask(self._pool, "halted_shards")}

    async def shards(self) -> list[StoredShard]:
        """All shards, in order."""
        return [
            StoredShard(shard_state(row), row["halted_reason"], optional_time(row["halted_at"]))
            for row in await ask(self._pool, "read_shards")
        ]

    async def deployment(self) -> Deployment:
        """What all shards agree on."""
        [row] = await ask(self._pool, "read_deployment")
        return Deployment(row["shards"], row["tick_next"], row["read_only"])

    async def last_cycle(self) -> Cycle | None:
        """The ended cycle of the latest time; None while there is none."""
        rows = await ask(self._pool, "last_cycle")
        return cycle_of(rows[0]) if rows else None

    async def cycles(self, limit: int, before: datetime | None = None) -> list[Cycle]:
        """Up to ``limit`` ended cycles, the latest time first; all of them earlier than ``before``."""
        return [cycle_of(row) for row in await ask(self._pool, "ended_cycles", limit, before)]

    async def running_cycles(self) -> list[RunningCycle]:
        """The cycles under way, the earliest tick first. A look each, and another one where many users are due."""
        return await read_running_cycles(self._pool)

    async def cycle(self, tick_id: str) -> Cycle | None:
        """The cycle of the tick with this id; None while there is none, or it has not ended.

        Where ticks share the id, that of the latest time counts, even while it has not ended: whoever has just asked
        for it is not given the figures of another one.
        """
        rows = await ask(self._pool, "latest_named_tick", tick_id)
        return cycle_of(rows[0]) if rows and rows[0]["ended"] else None

    async def user(self, user_id: str) -> KnownUser | None:
        """All that the state says of a user, as of one moment; None for a user whom it doesn't know."""
        rows = await ask(self._pool, "read_user", user_id)
        return known_user(rows) if rows else None

    async def _value(self, name: str) -> object:
        [row] = await ask(self._pool, name)
        return row[0]
