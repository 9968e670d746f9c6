"""Halted shards in Postgres, and how one is let go on."""

from datetime import timedelta

import asyncpg
import pytest

from adapters.codec import unpack_records
from adapters.postgres.acceptance import HaltedShards
from adapters.postgres.reports import Reports
from adapters.postgres.store import PostgresStore
from domain.errors import OwnershipLostError, ShardHaltedError, ShardUnknownError
from domain.ownership import Ownership
from domain.records import OutgoingRecord
from tests.builders import NOON, message

RECORD = OutgoingRecord("topic", b"key", b"value")


@pytest.fixture
async def halted(store: PostgresStore, pool: asyncpg.Pool) -> HaltedShards:
    """Shard 1 is halted, with three entries, a message in each, of which the first is confirmed."""
    ownership = (await store.take_over(1)).ownership
    async with store.transaction(ownership) as write:
        for day in range(3):
            await write.log_messages([message("a", NOON + timedelta(days=day)), message("b", NOON)][: 1 + (day == 0)])
            await write.add_entry([RECORD])
        await write.confirm(1)
        await write.commit()
    await store.halt(ownership, "the marker is gone")
    return HaltedShards(pool)


async def claimed(halted: HaltedShards) -> Ownership:
    ownership = await halted.claim(1)
    assert ownership is not None
    return ownership


async def test_a_claim_raises_the_epoch_and_leaves_the_shard_halted(halted: HaltedShards, store: PostgresStore) -> None:
    assert await claimed(halted) == Ownership(1, 2)
    assert await claimed(halted) == Ownership(1, 3)
    with pytest.raises(ShardHaltedError, match="the marker is gone"):
        await store.take_over(1)


async def test_what_is_not_halted_cannot_be_claimed(halted: HaltedShards, store: PostgresStore) -> None:
    assert await halted.claim(0) is None
    assert await halted.claim(7) is None
    assert (await store.take_over(0)).epoch == 1


async def test_whoever_claimed_before_is_refused_and_changes_nothing(halted: HaltedShards) -> None:
    former = await claimed(halted)
    await halted.check(former)
    await claimed(halted)
    with pytest.raises(OwnershipLostError):
        await halted.check(former)
    with pytest.raises(OwnershipLostError):
        await halted.release(former, position=7, holes=[], strays=[2])
    assert [entry.sequence for entry in await halted.outbox(1)] == [2, 3]
    assert (await halted.state(1)).position == -1


async def test_a_released_shard_can_be_taken_where_it_was_put(
    halted: HaltedShards, store: PostgresStore, pool: asyncpg.Pool
) -> None:
    await pool.execute("DELETE FROM outbox WHERE shard = 1 AND sequence = 2")
    await pool.execute("INSERT INTO outbox VALUES (1, 9, 'x')")
    ownership = await claimed(halted)
    await halted.release(ownership, position=7, holes=[2], strays=[9])
    state = await store.take_over(1)
    assert (state.epoch, state.position, state.confirmed, state.decided) == (ownership.epoch + 1, 7, 1, 3)
    entries = await store.outbox(state.ownership)
    assert [(entry.sequence, unpack_records(entry.payload)) for entry in entries] == [(2, []), (3, [RECORD])]


async def test_a_released_shard_is_released_once(halted: HaltedShards) -> None:
    ownership = await claimed(halted)
    await halted.release(ownership, position=7, holes=[], strays=[])
    with pytest.raises(OwnershipLostError):
        await halted.release(ownership, position=8, holes=[], strays=[])
    assert (await halted.state(1)).position == 7


async def test_messages_are_counted_by_the_sequences_of_their_shard(halted: HaltedShards) -> None:
    assert await halted.messages_between(1, 1, 2) == 3
    assert await halted.messages_between(1, 3, 2) == 0
    assert await halted.messages_of(1, [1, 3, 8]) == 3
    assert await halted.messages_of(1, []) == 0
    assert await halted.messages_of(0, [1, 3]) == 0


async def test_a_shard_without_a_row_is_unknown(halted: HaltedShards) -> None:
    with pytest.raises(ShardUnknownError):
        await halted.state(7)


async def test_the_report_tells_which_shard_is_halted_since_when_and_why(
    halted: HaltedShards, pool: asyncpg.Pool
) -> None:
    shards = await Reports(pool).shards()
    assert [stored.state.shard for stored in shards] == [0, 1, 2]
    assert [stored.halted_reason for stored in shards] == [None, "the marker is gone", None]
    assert [stored.halted_at is None for stored in shards] == [True, False, True]
    assert shards[1].state == await halted.state(1)
