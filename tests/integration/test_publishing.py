"""What a publisher makes of what Kafka holds: publish what is missing, confirm what is there, halt rather than guess.

On a real Postgres, with Kafka's producers in memory.
"""

import asyncpg
import pytest

from adapters.postgres.store import PostgresStore
from consumer.publish import Publisher
from consumer.shard import OwnedShard
from consumer.steps import no_hook
from domain.errors import OwnershipLostError, ShardHaltedError
from domain.records import OutgoingRecord
from tests.fakes.producers import FakeProducers, FakeShardLog


@pytest.fixture
async def store(pool: asyncpg.Pool) -> PostgresStore:
    store = PostgresStore(pool)
    await store.grow(1)
    return store


def value(sequence: int) -> bytes:
    return f"entry {sequence}".encode()


async def owned(store: PostgresStore, *, decided: int = 0, confirmed: int = 0) -> OwnedShard:
    """A shard that was just taken over, with entries up to ``decided`` of which some are confirmed."""
    ownership = (await store.take_over(0)).ownership
    async with store.transaction(ownership) as write:
        for sequence in range(1, decided + 1):
            await write.add_entry([OutgoingRecord("messages", b"key", value(sequence))])
        await write.confirm(confirmed)
        await write.commit()
    return await taken_over(store)


async def taken_over(store: PostgresStore) -> OwnedShard:
    state = await store.take_over(0)
    return OwnedShard(store, state, await store.outbox(state.ownership))


def publisher_of(shard: OwnedShard, store: PostgresStore, producers: FakeProducers) -> Publisher:
    return Publisher(shard, store, producers, cycle_topic="cycles", messages_logged=10, hook=no_hook)


def kafka_holding(*progress: int | None) -> FakeProducers:
    producers = FakeProducers()
    producers.logs[0] = FakeShardLog(progress=list(progress))
    return producers


async def test_what_is_above_the_marker_is_published_in_order_and_confirmed(store: PostgresStore) -> None:
    shard = await owned(store, decided=3)
    producers = kafka_holding(1)
    publisher = publisher_of(shard, store, producers)
    while shard.first_unpublished is not None:
        await publisher.publish_first()
    assert [record.value for record in producers.logs[0].committed] == [value(2), value(3)]
    assert shard.state.confirmed == 3
    assert await store.outbox(shard.ownership) == []
    assert producers.logs[0].progress == [1, None, 2, 3]


async def test_what_the_marker_covers_is_confirmed_and_not_published_again(store: PostgresStore) -> None:
    shard = await owned(store, decided=2)
    producers = kafka_holding(1, 2)
    publisher = publisher_of(shard, store, producers)
    while shard.first_unpublished is not None:
        await publisher.publish_first()
    assert producers.logs[0].committed == []
    assert shard.state.confirmed == 2


@pytest.mark.parametrize(
    ("decided", "confirmed", "marker"),
    [(2, 1, 0), (2, 1, 3), (2, 2, 1), (0, 0, 1)],
    ids=["below the confirmed", "above the decided", "behind an empty outbox", "without any history"],
)
async def test_a_marker_that_can_not_be_right_halts_the_shard(
    store: PostgresStore, decided: int, confirmed: int, marker: int
) -> None:
    shard = await owned(store, decided=decided, confirmed=confirmed)
    producers = kafka_holding(*([marker] if marker else []))
    with pytest.raises(ShardHaltedError, match=f"the marker is {marker}"):
        await publisher_of(shard, store, producers).ready()
    assert producers.logs[0].committed == []


async def test_a_former_owner_that_initialises_late_fails_before_it_can_publish(store: PostgresStore) -> None:
    former = await owned(store, decided=1)
    producers = kafka_holding()
    late = publisher_of(former, store, producers)
    successor = await taken_over(store)
    await publisher_of(successor, store, producers).publish_first()
    with pytest.raises(OwnershipLostError):
        await late.publish_first()
    assert [record.value for record in producers.logs[0].committed] == [value(1)]


async def test_an_initialisation_fences_the_owner_before(store: PostgresStore) -> None:
    former = await owned(store, decided=1)
    producers = kafka_holding()
    publisher = publisher_of(former, store, producers)
    await publisher.ready()
    await publisher_of(await taken_over(store), store, producers).ready()
    with pytest.raises(OwnershipLostError):
        await publisher.publish_first()
    assert producers.logs[0].committed == []
