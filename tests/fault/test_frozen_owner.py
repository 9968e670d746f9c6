"""An owner that freezes in the middle of a transaction, while its kernel keeps the connection alive."""

import asyncpg

from adapters.postgres.connection import connect
from adapters.postgres.migrations import migrate
from adapters.postgres.store import PostgresStore
from domain.errors import TransientError
from tests.conditions import eventually

# Two lock timeouts and more.
SECONDS = 40


async def test_the_lock_of_an_owner_frozen_while_it_prepares_a_statement_falls(database: str) -> None:
    """A statement is prepared with Parse and Flush: until the execution the server waits, in no timeout's reach."""
    await migrate(database)
    frozen, other = await connect(database), await connect(database)
    await PostgresStore(other).grow(1)
    state = await PostgresStore(frozen).take_over(0)
    async with frozen.acquire() as connection:
        await connection.execute("BEGIN; SELECT * FROM shard FOR NO KEY UPDATE")
        await connection.prepare("SELECT 1")
        await eventually(lambda: taken_over(other, state.epoch), SECONDS)
    for pool in (frozen, other):
        await pool.close()


async def taken_over(pool: asyncpg.Pool, after: int) -> None:
    try:
        state = await PostgresStore(pool).take_over(0)
    except TransientError as error:
        raise AssertionError(f"the lock is still held: {error}") from error
    assert state.epoch > after
