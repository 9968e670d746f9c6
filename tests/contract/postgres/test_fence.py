"""Only the owner writes a shard's state."""

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from adapters.postgres.store import PostgresStore
from domain.errors import OwnershipLostError, ShardHaltedError, ShardUnknownError
from domain.ownership import Ownership
from domain.records import OutgoingRecord
from tests.builders import PRODUCTION, activity, changes

RECORD = OutgoingRecord("topic", b"key", b"value")


async def test_each_take_over_adds_one_to_the_epoch(store: PostgresStore) -> None:
    assert [(await store.take_over(1)).epoch for _ in range(3)] == [1, 2, 3]


async def test_a_former_owner_can_write_nothing(store: PostgresStore) -> None:
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
    store: PostgresStore,
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


async def test_another_position_than_the_stored_one_is_refused(store: PostgresStore) -> None:
    ownership = (await store.take_over(0)).ownership
    with pytest.raises(OwnershipLostError, match="stored at -1, not at 5"):
        async with store.transaction(ownership, position=5):
            pass


async def test_what_is_not_committed_is_rolled_back(store: PostgresStore) -> None:
    ownership = (await store.take_over(0)).ownership
    async with store.transaction(ownership) as write:
        await write.apply_activity(changes(activity("a")), PRODUCTION)
        write.state = replace(write.state, position=7)
    state = await store.take_over(0)
    assert (state.position, state.active) == (-1, 0)


async def test_an_error_in_the_block_rolls_back_and_frees_the_shard(store: PostgresStore) -> None:
    ownership = (await store.take_over(0)).ownership

    async def fail() -> None:
        async with store.transaction(ownership) as write:
            await write.add_entry([RECORD])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert (await store.take_over(0)).decided == 0


async def test_a_halted_shard_is_left_alone_and_tells_why(store: PostgresStore) -> None:
    ownership = (await store.take_over(0)).ownership
    await store.halt(ownership, "the marker is gone")
    with pytest.raises(ShardHaltedError, match="shard 0 is halted: the marker is gone"):
        await store.take_over(0)
    with pytest.raises(OwnershipLostError):
        async with store.transaction(ownership):
            pass
    await store.take_over(1)


async def test_a_shard_without_a_row_is_unknown_until_the_deployment_grows(store: PostgresStore) -> None:
    with pytest.raises(ShardUnknownError):
        await store.take_over(3)
    await store.grow(5)
    await store.grow(2)
    assert [(await store.take_over(number)).epoch for number in (3, 4)] == [1, 1]


async def test_new_shards_begin_behind_the_ticks_judged_so_far(store: PostgresStore) -> None:
    ownership = (await store.take_over(0)).ownership
    async with store.transaction(ownership) as write:
        await write.lock_tick_log()
        await write.write_verdicts([], 12, None)
        await write.commit()
    await store.grow(4)
    assert (await store.take_over(3)).tick_cursor == 12
    assert (await store.take_over(2)).tick_cursor == 0


async def test_the_outbox_keeps_the_bytes_in_order_until_they_are_confirmed(store: PostgresStore) -> None:
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


async def test_a_frozen_owners_locks_fall(store: PostgresStore, pool: asyncpg.Pool) -> None:
    frozen = Ownership(0, (await store.take_over(0)).epoch)
    async with pool.acquire() as connection:
        # The frozen owner: its transaction stays open and says nothing, here for 50 ms instead of five seconds.
        await connection.execute("BEGIN; SET LOCAL idle_in_transaction_session_timeout = '50ms'")
        await connection.fetch("SELECT * FROM shard WHERE shard = 0 FOR NO KEY UPDATE")
        assert (await store.take_over(0)).epoch == frozen.epoch + 1
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
            await connection.execute("SELECT 1")
