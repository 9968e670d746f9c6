"""How far cycles under way are, as rows of Postgres tell it."""

from dataclasses import replace

import asyncpg

from adapters.postgres.progress import read_running_cycles
from adapters.postgres.store import PostgresStore
from domain.cycles import Figures
from domain.ownership import BegunTick, Ownership
from domain.progress import RunningCycle
from domain.ticks import JudgedTick, UsableTick, Verdict
from tests.builders import DAY, HOUR, NOON, PRODUCTION, activity, tick
from tests.contract.store.owner import take_in

EARLY, LATE = (tick(NOON + 2 * DAY + n * HOUR, offset=n) for n in range(2))


async def judge(store: PostgresStore, ownership: Ownership, *ticks: UsableTick) -> None:
    async with store.transaction(ownership) as write:
        verdicts = [JudgedTick(each.offset, Verdict.USABLE, each.tick) for each in ticks]
        await write.write_verdicts(verdicts, len(ticks), ticks[-1].tick.at)
        await write.commit()


async def begin(store: PostgresStore, ownership: Ownership, chosen: UsableTick, dealt_with: int) -> None:
    """The first chunk of the tick, after which others are due."""
    begun = BegunTick(chosen.offset, chosen.tick, PRODUCTION, Figures())
    async with store.transaction(ownership) as write:
        assert (await write.due_users(chosen.tick.at, PRODUCTION, dealt_with)).total == dealt_with
        state = write.state
        write.state = replace(state, begun=begun, tick_cursor=chosen.offset + 1, tick_due=dealt_with)
        await write.commit()


async def end(store: PostgresStore, ownership: Ownership, dealt_with: int) -> None:
    """The last chunk of the begun tick, and its confirmation."""
    async with store.transaction(ownership) as write:
        state = write.state
        assert state.begun is not None
        begun = replace(state.begun, last_sequence=state.decided)
        write.state = replace(state, begun=begun, tick_due=state.tick_due + dealt_with)
        await write.count_done()
        await write.commit()


async def silent_users(store: PostgresStore, ownership: Ownership, users: int) -> None:
    shard = ownership.shard
    await take_in(store, ownership, *(activity(f"{shard}-{number}") for number in range(users)))


async def running(pool: asyncpg.Pool, *, counted_users: int = 1_000, sampled_pages: int = 1) -> list[RunningCycle]:
    return await read_running_cycles(pool, counted_users, sampled_pages)


async def test_no_cycle_is_under_way_before_a_shard_has_begun_it_and_after_all_are_done(
    store: PostgresStore, pool: asyncpg.Pool
) -> None:
    owned = [(await store.take_over(number)).ownership for number in range(3)]
    await judge(store, owned[0], EARLY)
    assert await running(pool) == []
    for ownership in owned:
        await begin(store, ownership, EARLY, 0)
        assert len(await running(pool)) == 1
    for ownership in owned:
        await end(store, ownership, 0)
    assert await running(pool) == []


async def test_shards_that_work_wait_and_are_done_make_up_the_cycle(store: PostgresStore, pool: asyncpg.Pool) -> None:
    works, waits, done = [(await store.take_over(number)).ownership for number in range(3)]
    for ownership, users in ((works, 5), (waits, 7), (done, 11)):
        await silent_users(store, ownership, users)
    await take_in(store, waits, activity("not due", EARLY.tick.at))
    await judge(store, works, EARLY)
    await begin(store, done, EARLY, 11)
    await end(store, done, 0)
    await begin(store, works, EARLY, 2)
    [cycle] = await running(pool)
    assert (cycle.tick_id, cycle.at) == (EARLY.tick.tick_id, EARLY.tick.at)
    assert (cycle.shards_done, cycle.shards) == (1, 3)
    # No user was written, so the two that were dealt with are due as before.
    assert (cycle.dealt_with, cycle.remaining, cycle.counted) == (11 + 2, 5 + 7, True)
    assert cycle.elapsed.total_seconds() > 0


async def test_a_shard_that_only_has_to_publish_has_nobody_left(store: PostgresStore, pool: asyncpg.Pool) -> None:
    ownership = (await store.take_over(0)).ownership
    await silent_users(store, ownership, 3)
    await judge(store, ownership, EARLY)
    await begin(store, ownership, EARLY, 3)
    async with store.transaction(ownership) as write:
        await write.add_entry([])
        await write.commit()
    await end(store, ownership, 0)
    [cycle] = await running(pool)
    assert (cycle.dealt_with, cycle.remaining) == (3, 0)


async def test_of_two_cycles_the_earlier_comes_first_and_each_has_its_own_users(
    store: PostgresStore, pool: asyncpg.Pool
) -> None:
    behind, ahead = [(await store.take_over(number)).ownership for number in range(2)]
    await silent_users(store, behind, 3)
    await silent_users(store, ahead, 4)
    await judge(store, behind, EARLY, LATE)
    await begin(store, behind, EARLY, 1)
    await begin(store, ahead, LATE, 2)
    first, second = await running(pool)
    assert (first.at, first.dealt_with, first.remaining) == (EARLY.tick.at, 1, 3)
    # The shard that is behind deals with its users for the earlier one first.
    assert (second.at, second.dealt_with, second.remaining) == (LATE.tick.at, 2, 3 + 4)


async def test_many_are_estimated_from_a_part_of_the_pages(store: PostgresStore, pool: asyncpg.Pool) -> None:
    ownership = (await store.take_over(0)).ownership
    await pool.execute(
        "INSERT INTO users (user_id, shard, outcome, wake_at, first_seen, last_active)"
        " SELECT n, 0, 'active', $1, $1, $1 FROM generate_series(1, 20000) AS n",
        NOON,
    )
    await judge(store, ownership, EARLY)
    await begin(store, ownership, EARLY, 10)
    [all_pages] = await running(pool, counted_users=100, sampled_pages=1_000_000)
    assert (all_pages.remaining, all_pages.counted) == (20_000, False)
    # Of some 300 pages each is taken with a chance of a third: 100, and with certainty 50 to 150.
    pages = await pool.fetchval("SELECT pg_relation_size('users') / 8192")
    [a_third] = await running(pool, counted_users=100, sampled_pages=pages // 3)
    assert 10_000 < a_third.remaining < 30_000
    assert a_third.remaining != 20_000
    # A page or none is taken, but a hundred are known.
    [hardly_any] = await running(pool, counted_users=100, sampled_pages=1)
    assert hardly_any.remaining >= 100
