"""Defects in what keeps a former owner out, and in taking a shard over."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace as changed

import asyncpg

from adapters.postgres.queries import QUERIES
from adapters.postgres.rows import shard_state
from adapters.postgres.store import PostgresStore
from consumer.shard import OwnedShard
from domain.ownership import Ownership, ShardState
from domain.ports import ShardTransaction
from tests.harness.mutants.patching import replace, rewrite

_BUMP_AND_READ = """
    WITH bumped AS (BUMP)
    SELECT epoch, ARRAY(SELECT sequence FROM outbox WHERE shard = $1 ORDER BY sequence) AS sequences,
           ARRAY(SELECT payload FROM outbox WHERE shard = $1 ORDER BY sequence) AS payloads
    FROM bumped"""


def no_fence() -> None:
    """A former owner is not refused: nothing is compared with the row, and each takes its own epoch for good."""

    async def fence(
        _self: PostgresStore, connection: asyncpg.Connection, ownership: Ownership, _position: int | None
    ) -> ShardState:
        row = await connection.fetchrow(QUERIES["fence"], ownership.shard)
        assert row is not None
        return changed(shard_state(row), epoch=ownership.epoch)

    async def check(*_: object) -> None:
        pass

    @contextlib.asynccontextmanager
    async def transaction(
        self: OwnedShard, *, position: int | None = None, durable: bool = True
    ) -> AsyncIterator[ShardTransaction]:
        async with self._writing, self._store.transaction(self.ownership, position=position, durable=durable) as write:
            yield write

    replace(PostgresStore, "_fence", fence)
    replace(PostgresStore, "_check", check)
    replace(OwnedShard, "transaction", transaction)


def outbox_read_with_epoch() -> None:
    """The outbox is read in the statement that raises the epoch, as of before that statement waited for the row."""
    QUERIES["bump_epoch"] = _BUMP_AND_READ.replace("BUMP", QUERIES["bump_epoch"].removesuffix(";"))
    rewrite(
        PostgresStore,
        "take_over",
        ("row = await connection", 'self.__dict__.setdefault("bumped", {})[shard] = bumped\nrow = await connection'),
    )
    rewrite(
        PostgresStore,
        "outbox",
        (
            'rows = await connection.fetch(QUERIES["read_outbox"], ownership.shard)',
            "bumped = self.bumped[ownership.shard]",
        ),
        (
            'OutboxEntry(row["sequence"], row["payload"]) for row in rows',
            'OutboxEntry(*entry) for entry in zip(bumped["sequences"], bumped["payloads"], strict=True)',
        ),
    )
