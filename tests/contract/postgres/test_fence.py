"""The fence on Postgres: locks that nobody lets go of, and what happens in between. The rest is in the port's suite."""

import asyncpg
import pytest

from adapters.postgres.queries import QUERIES
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


async def test_a_shard_that_is_made_while_it_is_taken_over_is_not_halted(
    store: PostgresStore, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the first look comes before its row, or before an operator's acceptance, and the second one after it."""
    await pool.execute("CREATE SEQUENCE looks")
    bump = QUERIES["bump_epoch"]
    finds_nothing_at_first = bump.replace("WHERE", "WHERE nextval('looks') > 1 AND")
    assert finds_nothing_at_first != bump
    monkeypatch.setitem(QUERIES, "bump_epoch", finds_nothing_at_first)
    assert (await store.take_over(0)).epoch == 1
