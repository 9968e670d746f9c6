"""Users as rows of Postgres: what is written, and what is locked when. The rest is in the suite of the port."""

import asyncio
from typing import Any

import asyncpg

from adapters.postgres.store import PostgresStore
from tests.builders import DAY, HOUR, NOON, PRODUCTION, activity, changes
from tests.conditions import eventually
from tests.contract.store.owner import due, take_in


async def test_an_event_that_changes_nothing_writes_no_row(store: PostgresStore, pool: asyncpg.Pool) -> None:
    ownership = (await store.take_over(0)).ownership
    await take_in(store, ownership, activity("a", NOON, "Al"), activity("a", NOON + HOUR))
    before = await row(pool, "a")
    await take_in(store, ownership, activity("a", NOON + HOUR), activity("a", NOON, "Aa"), activity("a", NOON))
    assert await row(pool, "a") == before


async def row(pool: asyncpg.Pool, user_id: str) -> dict[str, Any]:
    """The row with its version: another one after every update."""
    found = await pool.fetchrow("SELECT ctid, * FROM users WHERE user_id = $1", user_id)
    assert found is not None
    return dict(found)


async def test_updates_by_activity_touch_no_index(store: PostgresStore, pool: asyncpg.Pool) -> None:
    ownership = (await store.take_over(0)).ownership
    await take_in(store, ownership, *(activity(f"u{n}") for n in range(20)))
    await take_in(store, ownership, *(activity(f"u{n}", NOON + HOUR) for n in range(20)))

    async def counted() -> tuple[int, int]:
        found = await pool.fetchrow("SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'users'")
        assert found is not None
        return found["n_tup_upd"], found["n_tup_hot_upd"]

    async def all_were_hot() -> None:
        assert await counted() == (20, 20)

    # Statistics arrive a moment after the transaction, at the latest when its connection has been idle a second.
    await eventually(all_were_hot)


async def test_a_user_who_moves_between_pick_and_lock_is_left_to_the_new_shard(
    store: PostgresStore, pool: asyncpg.Pool
) -> None:
    old = (await store.take_over(0)).ownership
    new = (await store.take_over(1)).ownership
    await take_in(store, old, activity("a"), activity("b"))
    async with store.transaction(new) as mover:
        await mover.apply_activity(changes(activity("b")), PRODUCTION)
        picking = asyncio.create_task(due(store, old, NOON + 9 * DAY))
        await until_blocked(pool)
        await mover.commit()
    assert [user.user.user_id for user in await picking] == ["a"]


async def until_blocked(pool: asyncpg.Pool) -> None:
    """Wait until one session waits for another's lock."""

    async def one_waits() -> None:
        assert await pool.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )

    await eventually(one_waits)
