"""Activity, due users and moves: what every store makes of them."""

import asyncio
from dataclasses import replace

import pytest

from domain.ownership import Ownership
from domain.policy import LONGEST_THRESHOLD
from domain.ports import Store
from domain.times import EARLIEST, LATEST
from domain.users import MICROSECOND, DueUsers, Outcome
from tests.builders import DAY, HOUR, NOON, PRODUCTION, activity, message
from tests.contract.store.owner import CONSTRAINT_ERRORS, due, due_by_id, message_all, take_in

SOON = NOON + HOUR
"""When nobody who was active at noon is due, but for those who are at once."""


async def test_a_new_user_is_active_until_a_microsecond_after_the_threshold(store: Store) -> None:
    ownership = (await store.take_over(0)).ownership
    assert await take_in(store, ownership, activity("a", NOON, "Ann-otation")) == (1, 0)
    assert await due(store, ownership, NOON + DAY) == []
    [stored] = await due(store, ownership, NOON + DAY + MICROSECOND)
    assert (stored.user.name, stored.user.registered_at, stored.user.last_active) == ("Ann-otation", NOON, NOON)
    assert stored.outcome is Outcome.ACTIVE


async def test_activity_of_an_active_user_leaves_the_wake_time_alone(store: Store) -> None:
    ownership = (await store.take_over(0)).ownership
    await take_in(store, ownership, activity("a"))
    assert await take_in(store, ownership, activity("a", NOON + HOUR)) == (1, 0)
    [stored] = await due(store, ownership, NOON + 2 * DAY)
    assert stored.wake_at == NOON + DAY + MICROSECOND
    assert stored.user.last_active == NOON + HOUR


async def test_a_messaged_user_who_comes_back_is_active_again(store: Store) -> None:
    ownership = (await store.take_over(0)).ownership
    await take_in(store, ownership, activity("a"), activity("b"))
    await message_all(store, ownership, NOON + 4 * DAY)
    back = NOON + 4 * DAY + HOUR
    assert await take_in(store, ownership, activity("a", back), activity("b", NOON - HOUR)) == (1, 1)
    assert await due(store, ownership, back + DAY - HOUR - MICROSECOND) == []
    stored = await due_by_id(store, ownership, back + 2 * DAY)
    assert stored["a"].wake_at == back + DAY + MICROSECOND
    assert stored["b"].wake_at == NOON + 5 * DAY
    assert stored["b"].user.first_seen == NOON - HOUR


async def test_times_at_the_edges_of_the_calendar_come_back_as_they_were(store: Store) -> None:
    ownership = (await store.take_over(0)).ownership
    await take_in(store, ownership, activity("first", EARLIEST), activity("last", LATEST))
    await take_in(store, ownership, activity("between", LATEST - DAY))
    [first] = await due(store, ownership, NOON)
    assert (first.user.user_id, first.user.last_active) == ("first", EARLIEST)
    # A wake time beyond the calendar means never.
    assert [user.user.user_id for user in await due(store, ownership, LATEST)] == ["first"]


async def test_due_users_come_earliest_first_up_to_the_limit(store: Store) -> None:
    ownership = (await store.take_over(0)).ownership
    await take_in(store, ownership, *(activity(f"u{n}", NOON + n * HOUR) for n in range(5)))
    at = NOON + 3 * DAY
    async with store.transaction(ownership) as write:
        found = await write.due_users(at, PRODUCTION, 3)
        assert ([user.user.user_id for user in found.users], found.last) == (["u0", "u1", "u2"], False)
        found = await write.due_users(at, PRODUCTION, 5)
        assert (len(found.users), found.last) == (5, False)
        found = await write.due_users(at, PRODUCTION, 6)
        assert (len(found.users), found.last) == (5, True)


async def test_whoever_was_active_since_wakes_later_and_is_only_counted(store: Store) -> None:
    ownership = (await store.take_over(0)).ownership
    await take_in(store, ownership, *(activity(user_id) for user_id in ("again", "just in time", "silent", "too late")))
    at = NOON + 2 * DAY
    back = {"again": at, "just in time": at - DAY, "too late": at - DAY - MICROSECOND}
    await take_in(store, ownership, *(activity(user_id, last_active) for user_id, last_active in back.items()))
    async with store.transaction(ownership) as write:
        found = await write.due_users(at, PRODUCTION, 4)
        assert [stored.user.user_id for stored in found.users] == ["silent", "too late"]
        assert (found.still_active, found.last) == (2, False)
        await write.commit()
    for user_id in ("again", "just in time"):
        wake_at = back[user_id] + DAY + MICROSECOND
        assert user_id not in await due_by_id(store, ownership, wake_at - MICROSECOND)
        assert (await due_by_id(store, ownership, wake_at))[user_id].wake_at == wake_at


async def test_when_everybody_woke_for_nothing_nobody_is_handed_out(store: Store) -> None:
    ownership = (await store.take_over(0)).ownership
    at = NOON + 2 * DAY
    await take_in(store, ownership, *(activity(f"u{n}") for n in range(3)))
    await take_in(store, ownership, *(activity(f"u{n}", at) for n in range(3)))
    async with store.transaction(ownership) as write:
        first, second = [await write.due_users(at, PRODUCTION, 2) for _ in range(2)]
    assert first == DueUsers([], still_active=2, last=False)
    assert second == DueUsers([], still_active=1, last=True)


async def test_a_user_without_a_wake_time_any_more_is_looked_at_as_long_as_the_policy_says(store: Store) -> None:
    ownership = (await store.take_over(0)).ownership
    await take_in(store, ownership, activity("a"))
    await take_in(store, ownership, activity("a", NOON + DAY))
    for_ever = replace(PRODUCTION, inactivity_threshold=LONGEST_THRESHOLD)
    async with store.transaction(ownership) as write:
        assert await write.due_users(NOON + 2 * DAY, for_ever, 10) == DueUsers([], still_active=1, last=True)
        await write.commit()
    assert await due(store, ownership, LATEST) == []


async def test_a_user_who_moves_is_due_at_once_in_the_new_shard_and_counted_once(store: Store) -> None:
    old = (await store.take_over(0)).ownership
    new = (await store.take_over(1)).ownership
    await take_in(store, old, activity("a"), activity("b"))
    await message_all(store, old, NOON + 4 * DAY)
    assert await take_in(store, new, activity("a", NOON)) == (0, 1)
    assert [user.user.user_id for user in await due(store, new, SOON)] == ["a"]
    assert [user.user.user_id for user in await due(store, old, NOON + 9 * DAY)] == ["b"]
    async with store.transaction(old) as write:
        assert write.state.recently_messaged == 2
        await write.fold_moves()
        assert (write.state.active, write.state.recently_messaged) == (0, 1)
        await write.fold_moves()
        assert write.state.recently_messaged == 1


async def test_two_shards_that_take_the_same_users_do_not_deadlock(store: Store) -> None:
    ownerships = [(await store.take_over(number)).ownership for number in range(3)]
    users = [f"u{n}" for n in range(50)]

    async def take_all(ownership: Ownership, start: int) -> None:
        for n in range(10):
            order = users[start:] + users[:start]
            await take_in(store, ownership, *(activity(user_id, NOON + n * HOUR) for user_id in order))

    await asyncio.gather(*(take_all(ownership, 7 * n) for n, ownership in enumerate(ownerships)))


async def test_making_all_due_goes_in_pieces_and_says_when_it_is_done(store: Store) -> None:
    ownership = (await store.take_over(0)).ownership
    await take_in(store, ownership, *(activity(f"u{n}") for n in range(5)))
    async with store.transaction(ownership) as write:
        assert [await write.make_all_due(2) for _ in range(3)] == [False, False, True]
        assert (await write.due_users(EARLIEST, PRODUCTION, 10)).still_active == 5


async def test_only_the_users_of_the_shard_are_made_due(store: Store) -> None:
    own, other = [(await store.take_over(number)).ownership for number in range(2)]
    await take_in(store, own, activity("a"), activity("b"))
    await take_in(store, other, activity("c"))
    async with store.transaction(own) as write:
        assert await write.make_all_due(3)
        await write.commit()
    assert [user.user.user_id for user in await due(store, own, SOON)] == ["a", "b"]
    assert await due(store, other, SOON) == []


async def test_an_event_that_changes_nothing_moves_no_counter(store: Store) -> None:
    ownership = (await store.take_over(0)).ownership
    await take_in(store, ownership, activity("a"), activity("b"))
    await message_all(store, ownership, NOON + 4 * DAY)
    assert await take_in(store, ownership, activity("a"), activity("b", NOON - DAY), activity("c")) == (1, 2)


async def test_a_user_who_moves_and_comes_back_is_corrected_by_the_outcome_stored_before(store: Store) -> None:
    old, new = [(await store.take_over(number)).ownership for number in range(2)]
    await take_in(store, old, activity("a"))
    await message_all(store, old, NOON + 4 * DAY)
    assert await take_in(store, new, activity("a", NOON + 5 * DAY)) == (1, 0)
    [moved] = await due(store, new, SOON + 5 * DAY)
    assert (moved.outcome, moved.user.last_messaged) == (Outcome.ACTIVE, NOON + 4 * DAY)
    async with store.transaction(old) as write:
        await write.fold_moves()
        assert (write.state.active, write.state.recently_messaged) == (0, 0)


async def test_a_user_can_not_be_messaged_twice_at_one_tick(store: Store) -> None:
    ownership = (await store.take_over(0)).ownership
    at = NOON + 4 * DAY
    async with store.transaction(ownership) as write:
        await write.log_messages([message("a", at)])
        await write.log_messages([message("a", at + HOUR)])
        await write.commit()
    with pytest.raises(CONSTRAINT_ERRORS):
        async with store.transaction(ownership) as write:
            await write.log_messages([message("a", at)])
