"""The fence on Postgres: locks that nobody lets go of. The rest is in the suite of the port."""

import asyncpg
import pytest

from adapters.postgres.store import PostgresStore
from domain.ownership import Ownership


async def test_a_frozen_owners_locks_fall(store: PostgresStore, pool: asyncpg.Pool) -> None:
    frozen = Ownership(0, (await store.take_over(0)).epoch)
    async with pool.acquire() as connection:
        # The frozen owner: its transaction stays open and says nothing, here for 50 ms instead of five seconds.
        await connection.execute("BEGIN; SET LOCAL idle_in_transaction_session_timeout = '50ms'")
        await connection.fetch("SELECT * FROM shard WHERE shard = 0 FOR NO KEY UPDATE")
        assert (await store.take_over(0)).epoch == frozen.epoch + 1
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
            await connection.execute("SELECT 1")
