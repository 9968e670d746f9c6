"""The rules of ``ActivityStream`` as a member of the consumer group, on a real broker."""

import asyncio
from dataclasses import replace

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from adapters.kafka.activity import KafkaActivityStream
from adapters.kafka.connection import KafkaConnection
from domain.errors import MisconfiguredError
from domain.records import RecordBatch
from tests.contract.kafka.conftest import AddPartitions, MakeTopic
from tests.contract.kafka.members import SESSION_TIMEOUT_SECONDS, member


def values(batches: list[RecordBatch]) -> list[bytes | None]:
    return [record.value for batch in batches for record in batch.records]


async def test_a_poll_without_shards_returns_in_time_and_keeps_the_membership(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer, unique: str
) -> None:
    topic = await make_topic("activity")
    await producer.send_and_wait(topic, b"x")
    async with member(connection, topic, unique) as one:
        await one.hears(1)
        loop = asyncio.get_running_loop()
        until = loop.time() + SESSION_TIMEOUT_SECONDS + 2
        while loop.time() < until:
            async with asyncio.timeout(5):
                assert await one.stream.poll([], 0.1) == []
        assert len(one.assigned) == 1
        one.stream.seek(0, 0)
        assert values(await one.reads([0], 1)) == [b"x"]


async def test_offsets_committed_for_the_group_count_for_nothing(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer, unique: str
) -> None:
    topic = await make_topic("activity")
    for number in range(3):
        await producer.send_and_wait(topic, b"%d" % number)
    async with AIOKafkaConsumer(
        topic, bootstrap_servers=connection.bootstrap_servers, group_id=unique, enable_auto_commit=False
    ) as other:
        await other.commit({TopicPartition(topic, 0): 2})
    async with member(connection, topic, unique) as one:
        await one.hears(1)
        assert await one.stream.poll([0], 0.3) == []
        one.stream.seek(0, 1)
        assert values(await one.reads([0], 2)) == [b"1", b"2"]


async def test_a_shard_taken_away_can_not_be_sought_and_both_members_hear_of_the_change(
    connection: KafkaConnection, make_topic: MakeTopic, unique: str
) -> None:
    topic = await make_topic("activity", partitions=2)
    async with member(connection, topic, unique) as one:
        assert await one.hears(1) == {0, 1}
        async with member(connection, topic, unique) as two:
            theirs = await two.hears(1)
            ours = await one.hears(2)
            assert one.revoked == [frozenset({0, 1})]
            assert ours | theirs == {0, 1}
            assert not ours & theirs
            (lost,) = theirs
            (kept,) = ours
            assert not one.stream.seek(lost, 0)
            one.stream.park(lost)
            assert await one.stream.poll([lost], 0.1) == []
            assert one.stream.seek(kept, 0)
            assert two.stream.seek(lost, 0)
        # The member that leaves gives its shard back.
        await one.owns({0, 1})


async def test_a_shard_that_stays_has_to_be_sought_again_after_a_change(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer, unique: str
) -> None:
    topic = await make_topic("activity")
    await producer.send_and_wait(topic, b"x")
    async with member(connection, topic, unique) as one:
        await one.hears(1)
        one.stream.seek(0, 0)
        await one.reads([0], 1)
        async with member(connection, topic, unique) as two:
            await two.hears(1)
            await one.hears(2)
        await one.owns({0})
        assert await one.stream.poll([0], 0.3) == []
        one.stream.seek(0, 0)
        assert values(await one.reads([0], 1)) == [b"x"]


async def test_a_standby_hears_of_an_empty_assignment(
    connection: KafkaConnection, make_topic: MakeTopic, unique: str
) -> None:
    topic = await make_topic("activity")
    async with member(connection, topic, unique) as one, member(connection, topic, unique) as two:
        await one.hears(1)
        await two.hears(1)
        async with asyncio.timeout(30):
            while {one.assigned[-1], two.assigned[-1]} != {frozenset(), frozenset({0})}:
                await asyncio.gather(one.stream.poll([], 0.05), two.stream.poll([], 0.05))


async def test_new_partitions_are_assigned(
    connection: KafkaConnection, make_topic: MakeTopic, add_partitions: AddPartitions, unique: str
) -> None:
    topic = await make_topic("activity")
    async with member(replace(connection, metadata_max_age_seconds=0.5), topic, unique) as one:
        assert await one.hears(1) == {0}
        await add_partitions(topic, 2)
        await one.owns({0, 1})


async def test_a_missing_topic_stops_the_start(connection: KafkaConnection, unique: str) -> None:
    stream = KafkaActivityStream(connection, f"{unique}-missing", unique)
    with pytest.raises(MisconfiguredError, match="engage init"):
        await stream.start()
