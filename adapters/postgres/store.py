"""The store on Postgres: taking shards over, and transactions behind the fence."""

import contextlib
from collections.abc import AsyncIterator, Collection

import asyncpg

from adapters.postgres.connection import CALL_SECONDS, postgres_errors
from adapters.postgres.queries import QUERIES
from adapters.postgres.rows import shard_state, time_of
from adapters.postgres.transaction import PostgresShardTransaction
from domain.errors import OwnershipLostError, ShardHaltedError, ShardUnknownError, TransientError
from domain.events import Tick
from domain.ownership import OutboxEntry, Ownership, ShardProgress, ShardState
from domain.ticks import UsableTick

# Where the call before has had no answer, this one is not waited for as long again: to end the connection does as well.
ROLLBACK_SECONDS = 2.0


class PostgresStore:
    """Implements ``Store`` on a pool. Isolation is Postgres' default, READ COMMITTED."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def grow(self, shards: int) -> None:
        """Raise the number of shards to at least ``shards``; the new ones begin behind all ticks judged so far."""
        async with self._connection() as connection, connection.transaction():
            await connection.fetch(QUERIES["lock_deployment"])
            await connection.execute(QUERIES["grow"], shards)

    async def take_over(self, shard: int) -> ShardState:
        async with self._connection() as connection:
            bumped = await connection.fetchrow(QUERIES["bump_epoch"], shard)
            # A later statement: what the bump waited for is visible to it.
            row = await connection.fetchrow(QUERIES["read_shard"], shard)
        if row is None:
            raise ShardUnknownError(f"shard {shard} has no row yet")
        if bumped is None and row["halted_reason"] is None:
            # Between the two statements the row was made, or the shard accepted.
            return await self.take_over(shard)
        if bumped is None:
            raise ShardHaltedError(shard, row["halted_reason"])
        if row["epoch"] != bumped["epoch"]:
            raise OwnershipLostError(f"shard {shard} was taken over by another worker at once")
        return shard_state(row)

    async def outbox(self, ownership: Ownership) -> list[OutboxEntry]:
        async with self._connection() as connection:
            rows = await connection.fetch(QUERIES["read_outbox"], ownership.shard)
            await self._check(connection, ownership)
        return [OutboxEntry(row["sequence"], row["payload"]) for row in rows]

    async def check(self, ownership: Ownership) -> None:
        async with self._connection() as connection:
            await self._check(connection, ownership)

    async def halt(self, ownership: Ownership, reason: str) -> None:
        async with self._connection() as connection:
            done = await connection.execute(QUERIES["halt_shard"], ownership.shard, ownership.epoch, reason)
        if done != "UPDATE 1":
            raise OwnershipLostError(f"shard {ownership.shard} is not ours any more")

    @contextlib.asynccontextmanager
    async def transaction(
        self, ownership: Ownership, *, position: int | None = None, durable: bool = True
    ) -> AsyncIterator[PostgresShardTransaction]:
        async with self._connection() as connection:
            transaction: PostgresShardTransaction | None = None
            try:
                # One round trip. SET LOCAL ends with the transaction.
                await connection.execute("BEGIN" if durable else "BEGIN; SET LOCAL synchronous_commit TO off")
                state = await self._fence(connection, ownership, position)
                transaction = PostgresShardTransaction(connection, state)
                yield transaction
            finally:
                if transaction is None or not transaction.committed:
                    await _roll_back(connection)

    async def usable_ticks(self, cursor: int, end: int) -> list[UsableTick]:
        async with self._connection() as connection:
            rows = await connection.fetch(QUERIES["usable_ticks"], cursor, end)
        return [UsableTick(row["tick_offset"], Tick(row["tick_id"], time_of(row["at"]))) for row in rows]

    async def tick_next(self) -> int:
        async with self._connection() as connection:
            return int(await connection.fetchval(QUERIES["read_tick_next"]))

    async def progress(self, shards: Collection[int]) -> list[ShardProgress]:
        async with self._connection() as connection:
            rows = await connection.fetch(QUERIES["shard_progress"], sorted(shards))
        return [ShardProgress(**row) for row in rows]

    async def _fence(
        self, connection: asyncpg.pool.PoolConnectionProxy, ownership: Ownership, position: int | None
    ) -> ShardState:
        """The fence: lock the shard's row; the epoch, and the position where one is given, are the caller's."""
        row = await connection.fetchrow(QUERIES["fence"], ownership.shard)
        if row is None or row["epoch"] != ownership.epoch or row["halted_reason"] is not None:
            raise ownership.over()
        if position is not None and row["position"] != position:
            # An asynchronous commit was lost in a restart of Postgres, or the answer to a commit was.
            raise OwnershipLostError(f"shard {ownership.shard} is stored at {row['position']}, not at {position}")
        return shard_state(row)

    async def _check(self, connection: asyncpg.pool.PoolConnectionProxy, ownership: Ownership) -> None:
        epoch = await connection.fetchval(QUERIES["read_epoch"], ownership.shard)
        if epoch != ownership.epoch:
            raise ownership.over()

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy]:
        try:
            with postgres_errors():
                async with self._pool.acquire(timeout=CALL_SECONDS) as connection:
                    yield connection
        except TransientError as error:
            if isinstance(error.__cause__, asyncpg.LockNotAvailableError):
                await self._end_frozen_sessions()
            raise

    async def _end_frozen_sessions(self) -> None:
        """Let the locks of frozen workers fall that no timeout of the server covers."""
        with postgres_errors():
            await self._pool.execute(QUERIES["end_frozen_sessions"], timeout=CALL_SECONDS)


async def _roll_back(connection: asyncpg.pool.PoolConnectionProxy) -> None:
    """End the transaction, or else the connection: the one or the other lets go of its locks."""
    try:
        await connection.execute("ROLLBACK", timeout=ROLLBACK_SECONDS)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError):
        # One that ended by itself is the pool's again. The caller's own error, a cancellation say, must come through.
        with contextlib.suppress(asyncpg.InterfaceError):
            connection.terminate()
