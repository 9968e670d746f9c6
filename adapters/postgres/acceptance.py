"""Halted shards in Postgres, and how one is let go on."""

from collections.abc import Sequence

import asyncpg

from adapters.codec import pack_records
from adapters.postgres.connection import CALL_SECONDS, postgres_errors
from adapters.postgres.queries import QUERIES, ask
from adapters.postgres.rows import shard_state
from domain.errors import ShardUnknownError, TransientError
from domain.ownership import OutboxEntry, Ownership, ShardState

# Longer than the server gives a look at the whole message log.
_COUNT_SECONDS = 70.0


class HaltedShards:
    """Works on a pool. Every method raises TransientError, MisconfiguredError."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def claim(self, shard: int) -> Ownership | None:
        """Raise the epoch of a halted shard, so that whoever had it is refused; None where it is not halted."""
        rows = await ask(self._pool, "claim_halted", shard)
        return Ownership(shard, rows[0]["epoch"]) if rows else None

    async def check(self, ownership: Ownership) -> None:
        """Raises OwnershipLostError when the epoch is not the stored one any more."""
        rows = await ask(self._pool, "read_epoch", ownership.shard)
        if [row["epoch"] for row in rows] != [ownership.epoch]:
            raise ownership.over()

    async def state(self, shard: int) -> ShardState:
        """The shard's row. Raises ShardUnknownError."""
        rows = await ask(self._pool, "read_shard", shard)
        if not rows:
            raise ShardUnknownError(f"shard {shard} has no row")
        return shard_state(rows[0])

    async def outbox(self, shard: int) -> list[OutboxEntry]:
        """The shard's entries as they lie there, in order."""
        return [OutboxEntry(row["sequence"], row["payload"]) for row in await ask(self._pool, "read_outbox", shard)]

    async def release(
        self, ownership: Ownership, *, position: int, holes: Sequence[int], strays: Sequence[int]
    ) -> None:
        """Let workers take the shard. In one transaction the position is set, the outbox put right, the reason cleared.

        ``holes`` are the sequences that get empty entries, ``strays`` those whose entries go. Raises
        OwnershipLostError, and then nothing is changed.
        """
        shard = ownership.shard
        with postgres_errors():
            async with self._pool.acquire(timeout=CALL_SECONDS) as connection, connection.transaction():
                if not await connection.fetch(QUERIES["lock_halted"], shard, ownership.epoch):
                    raise ownership.over()
                await connection.execute(QUERIES["delete_strays"], shard, strays)
                await connection.execute(QUERIES["fill_holes"], shard, holes, pack_records([]))
                await connection.execute(QUERIES["let_go_on"], shard, position)

    async def messages_between(self, shard: int, first: int, last: int) -> int | None:
        """How many messages were decided under the sequences ``first`` to ``last``; None where that takes too long."""
        return await self._count("count_messages", shard, first, last)

    async def messages_of(self, shard: int, sequences: Sequence[int]) -> int | None:
        """How many messages were decided under these sequences; None where that takes too long."""
        return await self._count("count_messages_of", shard, sequences) if sequences else 0

    async def _count(self, name: str, *arguments: object) -> int | None:
        try:
            with postgres_errors():
                async with self._pool.acquire(timeout=CALL_SECONDS) as connection, connection.transaction():
                    await connection.execute(QUERIES["patience"])
                    return int(await connection.fetchval(QUERIES[name], *arguments, timeout=_COUNT_SECONDS))
        except TransientError:
            # To know the number is no condition for going on.
            return None
