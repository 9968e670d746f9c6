"""Activity, due users and moves, as the rows tell them."""

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any

import asyncpg

from adapters.postgres.store import PostgresStore
from domain.chunks import decide_chunk
from domain.cycles import Figures
from domain.events import Activity
from domain.ownership import Ownership
from domain.times import EARLIEST, LATEST
from domain.users import MICROSECOND, Outcome, StoredUser
from tests.builders import DAY, HOUR, NOON, PRODUCTION, activity, changes, tick
from tests.conditions import eventually


async def take_in(store: PostgresStore, ownership: Ownership, *events: Activity) -> tuple[int, int]:
    """Apply the events; returns the counters afterwards."""
    async with store.transaction(ownership) as write:
        await write.apply_activity(changes(*events), PRODUCTION)
        await write.commit()
        return write.state.active, write.state.recently_messaged


async def due(store: PostgresStore, ownership: Ownership, at: datetime, limit: int = 100) -> list[StoredUser]:
    async with store.transaction(ownership) as write:
        return (await write.due_users(at, limit))[0]


async def message_all(store: PostgresStore, ownership: Ownership, at: datetime) -> None:
    """Evaluate a tick's due users and store what was decided."""
    async with store.transaction(ownership) as write:
        users, last = await write.due_users(at, 1000)
        assert last
        chunk = decide_chunk(users, tick(at).tick, PRODUCTION, Figures())
        await write.write_decisions(chunk.users)
        await write.log_messages(chunk.messages)
        state = write.state
        write.state = replace(
            state,
            active=state.active + chunk.counters[Outcome.ACTIVE],
            recently_messaged=state.recently_messaged + chunk.counters[Outcome.RECENTLY_MESSAGED],
        )
        await write.commit()


async def test_a_new_user_is_active_until_a_microsecond_after_the_threshold(store: PostgresStore) -> None:
    ownership = (await store.take_over(0)).ownership
    assert await take_in(store, ownership, activity("a", NOON, "Ann-otation")) == (1, 0)
    assert await due(store, ownership, NOON + DAY) == []
    [stored] = await due(store, ownership, NOON + DAY + MICROSECOND)
    assert (stored.user.name, stored.user.registered_at, stored.user.last_active) == ("Ann-otation", NOON, NOON)
    assert stored.outcome is Outcome.ACTIVE


async def test_activity_of_an_active_user_leaves_the_wake_time_alone(store: PostgresStore) -> None:
    ownership = (await store.take_over(0)).ownership
    await take_in(store, ownership, activity("a"))
    assert await take_in(store, ownership, activity("a", NOON + HOUR)) == (1, 0)
    [stored] = await due(store, ownership, NOON + 2 * DAY)
    assert stored.wake_at == NOON + DAY + MICROSECOND
    assert stored.user.last_active == NOON + HOUR


async def test_a_messaged_user_who_comes_back_is_active_again(store: PostgresStore) -> None:
    ownership = (await store.take_over(0)).ownership
    await take_in(store, ownership, activity("a"), activity("b"))
    await message_all(store, ownership, NOON + 4 * DAY)
    back = NOON + 4 * DAY + HOUR
    assert await take_in(store, ownership, activity("a", back), activity("b", NOON - HOUR)) == (1, 1)
    assert await due(store, ownership, back + DAY - HOUR - MICROSECOND) == []
    stored = {user.user.user_id: user for user in await due(store, ownership, back + 2 * DAY)}
    assert stored["a"].wake_at == back + DAY + MICROSECOND
    assert stored["b"].wake_at == NOON + 5 * DAY
    assert stored["b"].user.first_seen == NOON - HOUR


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


async def test_times_at_the_edges_of_the_calendar_come_back_as_they_were(store: PostgresStore) -> None:
    ownership = (await store.take_over(0)).ownership
    await take_in(store, ownership, activity("first", EARLIEST), activity("last", LATEST))
    await take_in(store, ownership, activity("between", LATEST - DAY))
    [first] = await due(store, ownership, NOON)
    assert (first.user.user_id, first.user.last_active) == ("first", EARLIEST)
    # A wake time beyond the calendar means never.
    assert [user.user.user_id for user in await due(store, ownership, LATEST)] == ["first"]


async def test_due_users_come_earliest_first_up_to_the_limit(store: PostgresStore) -> None:
    ownership = (await store.take_over(0)).ownership
    await take_in(store, ownership, *(activity(f"u{n}", NOON + n * HOUR) for n in range(5)))
    at = NOON + 3 * DAY
    async with store.transaction(ownership) as write:
        users, last = await write.due_users(at, 3)
        assert ([user.user.user_id for user in users], last) == (["u0", "u1", "u2"], False)
        users, last = await write.due_users(at, 5)
        assert (len(users), last) == (5, False)
        users, last = await write.due_users(at, 6)
        assert (len(users), last) == (5, True)


async def test_a_user_who_moves_is_due_at_once_in_the_new_shard_and_counted_once(store: PostgresStore) -> None:
    old = (await store.take_over(0)).ownership
    new = (await store.take_over(1)).ownership
    await take_in(store, old, activity("a"), activity("b"))
    await message_all(store, old, NOON + 4 * DAY)
    assert await take_in(store, new, activity("a", NOON)) == (0, 1)
    assert [user.user.user_id for user in await due(store, new, EARLIEST)] == ["a"]
    assert [user.user.user_id for user in await due(store, old, NOON + 9 * DAY)] == ["b"]
    async with store.transaction(old) as write:
        assert write.state.recently_messaged == 2
        await write.fold_moves()
        assert (write.state.active, write.state.recently_messaged) == (0, 1)
        await write.fold_moves()
        assert write.state.recently_messaged == 1


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


async def test_two_shards_that_take_the_same_users_do_not_deadlock(store: PostgresStore) -> None:
    ownerships = [(await store.take_over(number)).ownership for number in range(3)]
    users = [f"u{n}" for n in range(50)]

    async def take_all(ownership: Ownership, start: int) -> None:
        for n in range(10):
            order = users[start:] + users[:start]
            await take_in(store, ownership, *(activity(user_id, NOON + n * HOUR) for user_id in order))

    await asyncio.gather(*(take_all(ownership, 7 * n) for n, ownership in enumerate(ownerships)))


async def test_making_all_due_goes_in_pieces_and_says_when_it_is_done(store: PostgresStore) -> None:
    ownership = (await store.take_over(0)).ownership
    await take_in(store, ownership, *(activity(f"u{n}") for n in range(5)))
    async with store.transaction(ownership) as write:
        assert [await write.make_all_due(2) for _ in range(3)] == [False, False, True]
        users, _ = await write.due_users(EARLIEST, 10)
        assert len(users) == 5
