"""A connection to Postgres that is gone in the middle of a transaction."""

import asyncio

import asyncpg
import pytest

from adapters.postgres.connection import connect
from adapters.postgres.migrations import migrate
from adapters.postgres.store import PostgresStore
from tests.conditions import eventually


async def test_a_cancellation_comes_through_when_the_connection_is_gone(database: str) -> None:
    """Else whoever cancels and waits, as a clean stop does, would wait for ever: a lost connection is tried again."""
    await migrate(database)
    pool = await connect(database)
    admin = await asyncpg.connect(database)
    store = PostgresStore(pool)
    await store.grow(1)
    state = await store.take_over(0)

    async def be_cancelled_without_a_connection() -> None:
        async with store.transaction(state.ownership):
            await end_all_but(admin)
            # A connection that is lost leaves the pool by itself.
            await eventually(lambda: all_gone(pool))
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await be_cancelled_without_a_connection()
    await admin.close()
    await pool.close()


async def end_all_but(admin: asyncpg.Connection) -> None:
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


async def all_gone(pool: asyncpg.Pool) -> None:
    assert pool.get_size() == 0
