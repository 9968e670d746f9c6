"""Engines with one defect built in, for showing that a campaign would notice it.

Each function patches the engine inside the worker process before it starts, and fails when there is nothing to patch
any more.
"""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import asyncpg

from adapters.postgres.queries import QUERIES
from adapters.postgres.rows import shard_state
from adapters.postgres.store import PostgresStore
from consumer.publish import Publisher
from consumer.shard import OwnedShard
from domain import decision_logic
from domain.ownership import Ownership, ShardState
from domain.ports import ShardTransaction


def none() -> None:
    """The engine as it is."""


def no_frequency_rule() -> None:
    """Whoever is idle is messaged, also when messaged a moment ago."""

    def check_message_frequency(*_: object) -> bool:
        return True

    _replace(decision_logic, "check_message_frequency", check_message_frequency)


def last_event() -> None:
    """A late event moves the last activity back, since the last one that arrives counts."""
    sound = QUERIES["apply_activity"]
    broken = sound.replace("greatest(stored.last_active, excluded.last_active)", "excluded.last_active")
    broken = broken.replace("excluded.last_active > stored.last_active", "excluded.last_active <> stored.last_active")
    _must_differ(sound, broken)
    QUERIES["apply_activity"] = broken


def no_fence() -> None:
    """A former owner is not refused: nothing is compared with the row, and each takes its own epoch for good."""

    async def fence(
        _self: PostgresStore, connection: asyncpg.Connection, ownership: Ownership, _position: int | None
    ) -> ShardState:
        row = await connection.fetchrow(QUERIES["fence"], ownership.shard)
        assert row is not None
        return replace(shard_state(row), epoch=ownership.epoch)

    async def check(*_: object) -> None:
        pass

    @contextlib.asynccontextmanager
    async def transaction(
        self: OwnedShard, *, position: int | None = None, durable: bool = True
    ) -> AsyncIterator[ShardTransaction]:
        async with self._writing, self._store.transaction(self.ownership, position=position, durable=durable) as write:
            yield write

    _replace(PostgresStore, "_fence", fence)
    _replace(PostgresStore, "_check", check)
    _replace(OwnedShard, "transaction", transaction)


def marker_not_read() -> None:
    """A new producer takes what Postgres knows to be published for all that is: it doesn't ask Kafka."""

    async def initialise(self: Publisher) -> None:
        await self.close()
        self._producer = await self._producers.start(self._shard.number)
        await self._store.check(self._shard.ownership)
        self._marker = self._shard.state.confirmed

    _replace(Publisher, "_initialise", initialise)


MUTANTS: dict[str, Callable[[], None]] = {
    mutant.__name__: mutant for mutant in (none, no_frequency_rule, last_event, no_fence, marker_not_read)
}


def _replace(owner: object, name: str, defect: object) -> None:
    _must_differ(getattr(owner, name), defect)
    setattr(owner, name, defect)


def _must_differ(sound: object, broken: object) -> None:
    if sound == broken:
        raise LookupError("the mutant is the sound engine: what it patches is written otherwise now")
