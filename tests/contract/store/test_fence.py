"""Only the owner writes a shard's state."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from domain.errors import OwnershipLostError, ShardHaltedError, ShardUnknownError
from domain.ownership import ShardState
from domain.ports import Store
from domain.records import OutgoingRecord
from tests.builders import PRODUCTION, activity, changes
from tests.contract.store.owner import CONSTRAINT_ERRORS

RECORD = OutgoingRecord("topic", b"key", b"value")


async def test_each_take_over_adds_one_to_the_epoch(store: Store) -> None:
    assert [(await store.take_over(1)).epoch for _ in range(3)] == [1, 2, 3]


async def test_a_former_owner_can_write_nothing(store: Store) -> None:
    former = (await store.take_over(0)).ownership
    await store.take_over(0)
    with pytest.raises(OwnershipLostError):
        async with store.transaction(former):
            pass
    with pytest.raises(OwnershipLostError):
        await store.check(former)
    with pytest.raises(OwnershipLostError):
        await store.outbox(former)
    with pytest.raises(OwnershipLostError):
        await store.halt(former, "whatever")


async def test_a_take_over_waits_for_the_former_owners_transaction_and_sees_what_it_committed(
    store: Store,
) -> None:
    former = (await store.take_over(0)).ownership
    async with store.transaction(former) as write:
        taking_over = asyncio.create_task(store.take_over(0))
        await write.apply_activity(changes(activity("a")), PRODUCTION)
        write.state = replace(write.state, position=7)
        await write.add_entry([RECORD])
        assert not taking_over.done()
        await write.commit()
    state = await taking_over
    assert (state.position, state.active, state.decided) == (7, 1, 1)


async def test_another_position_than_the_stored_one_is_refused(store: Store) -> None:
    ownership = (await store.take_over(0)).ownership
    with pytest.raises(OwnershipLostError, match="stored at -1, not at 5"):
        async with store.transaction(ownership, position=5):
            pass


async def test_what_is_not_committed_is_rolled_back(store: Store) -> None:
    ownership = (await store.take_over(0)).ownership
    async with store.transaction(ownership) as write:
        await write.apply_activity(changes(activity("a")), PRODUCTION)
        write.state = replace(write.state, position=7)
    state = await store.take_over(0)
    assert (state.position, state.active) == (-1, 0)


async def test_an_error_in_the_block_rolls_back_and_frees_the_shard(store: Store) -> None:
    ownership = (await store.take_over(0)).ownership

    async def fail() -> None:
        async with store.transaction(ownership) as write:
            await write.add_entry([RECORD])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert (await store.take_over(0)).decided == 0


async def test_a_halted_shard_is_left_alone_and_tells_why(store: Store) -> None:
    ownership = (await store.take_over(0)).ownership
    await store.halt(ownership, "the marker is gone")
    with pytest.raises(ShardHaltedError, match="shard 0 is halted: the marker is gone"):
        await store.take_over(0)
    with pytest.raises(OwnershipLostError):
        async with store.transaction(ownership):
            pass
    await store.take_over(1)


async def test_a_shard_without_a_row_is_unknown_until_the_deployment_grows(store: Store) -> None:
    with pytest.raises(ShardUnknownError):
        await store.take_over(3)
    await store.grow(5)
    await store.grow(2)
    assert [(await store.take_over(number)).epoch for number in (3, 4)] == [1, 1]


async def test_new_shards_begin_behind_the_ticks_judged_so_far(store: Store) -> None:
    ownership = (await store.take_over(0)).ownership
    async with store.transaction(ownership) as write:
        await write.lock_tick_log()
        await write.write_verdicts([], 12, None)
        await write.commit()
    await store.grow(4)
    assert (await store.take_over(3)).tick_cursor == 12
    assert (await store.take_over(2)).tick_cursor == 0


async def test_the_outbox_keeps_the_bytes_in_order_until_they_are_confirmed(store: Store) -> None:
    ownership = (await store.take_over(2)).ownership
    async with store.transaction(ownership) as write:
        for _ in range(3):
            await write.add_entry([RECORD])
        added = await write.commit()
    assert await store.outbox(ownership) == added
    assert [entry.sequence for entry in added] == [1, 2, 3]
    async with store.transaction(ownership) as write:
        await write.confirm(2)
        await write.commit()
    assert await store.outbox(ownership) == added[2:]
    state = await store.take_over(2)
    assert (state.confirmed, state.decided) == (2, 3)


async def test_what_may_be_lost_in_a_crash_is_seen_at_once(store: Store) -> None:
    ownership = (await store.take_over(0)).ownership
    async with store.transaction(ownership, position=-1, durable=False) as write:
        write.state = replace(write.state, position=7)
        await write.commit()
    async with store.transaction(ownership, position=7) as write:
        assert write.state.position == 7


async def test_growing_twice_changes_nothing_that_is_there(store: Store) -> None:
    ownership = (await store.take_over(0)).ownership
    await store.grow(3)
    await store.check(ownership)


async def test_progress_tells_what_is_open_and_that_something_was_written(store: Store) -> None:
    ownership = (await store.take_over(1)).ownership
    [before] = await store.progress([1, 7])
    assert (before.shard, before.epoch, before.position, before.unfinished, before.halted) == (1, 1, -1, False, False)
    async with store.transaction(ownership) as write:
        await write.add_entry([RECORD])
        await write.commit()
    [after] = await store.progress([1])
    assert (after.decided, after.confirmed, after.unfinished, after.tick_waits) == (1, 0, True, False)
    assert after.written != before.written
    await store.halt(ownership, "whatever")
    assert [shard.halted for shard in await store.progress([2, 1])] == [True, False]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda state: replace(state, confirmed=1),
        lambda state: replace(state, active=-1),
        lambda state: replace(state, recently_messaged=-1),
        lambda state: replace(state, position=-2),
    ],
    ids=["confirmed above decided", "fewer active users than none", "fewer messaged than none", "no such position"],
)
async def test_a_row_that_can_not_be_is_refused(store: Store, wrong: Callable[[ShardState], ShardState]) -> None:
    ownership = (await store.take_over(0)).ownership

    async def write_it() -> None:
        async with store.transaction(ownership) as write:
            write.state = wrong(write.state)
            await write.commit()

    with pytest.raises(CONSTRAINT_ERRORS):
        await write_it()
