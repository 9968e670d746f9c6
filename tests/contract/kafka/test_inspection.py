"""What operators ask Kafka, on a real broker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.inspection import (
    Extent,
    Group,
    extents,
    find_transaction_coordinator,
    group_of,
    last_marker,
    partition_counts,
)
from adapters.kafka.producer import KafkaProducers
from domain.errors import MarkerUnreadableError, TransientError
from tests.conditions import until
from tests.contract.kafka.conftest import MakeTopic
from tests.contract.kafka.publishing import started
from tests.foreign import read_topic


@asynccontextmanager
async def member(connection: KafkaConnection, group: str, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    """Another program that is in the group until the end of the block."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=connection.bootstrap_servers, group_id=group)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def test_only_topics_that_exist_are_counted(
    connection: KafkaConnection, make_topic: MakeTopic, unique: str
) -> None:
    topic = await make_topic("three", partitions=3)
    assert await partition_counts(connection, [topic, f"{unique}-missing"]) == {topic: 3}


async def test_a_group_that_nobody_joined_has_no_members(connection: KafkaConnection, unique: str) -> None:
    assert await group_of(connection, unique, f"{unique}-topic") == Group(0, {})


async def test_the_group_tells_who_has_which_partition(
    connection: KafkaConnection, make_topic: MakeTopic, unique: str
) -> None:
    topic = await make_topic("activity", partitions=3)
    async with member(connection, unique, topic), member(connection, unique, topic):

        async def all_are_assigned() -> bool:
            return set((await group_of(connection, unique, topic)).assigned) == {0, 1, 2}

        await until(all_are_assigned)
        group = await group_of(connection, unique, topic)
    assert group.members == 2
    assert len({owner.member_id for owner in group.assigned.values()}) == 2
    assert {owner.host for owner in group.assigned.values()} == {"127.0.0.1"}


async def test_partitions_of_other_topics_are_nobodys(
    connection: KafkaConnection, make_topic: MakeTopic, unique: str
) -> None:
    topic = await make_topic("other")
    async with member(connection, unique, topic):

        async def is_a_member() -> bool:
            return bool((await group_of(connection, unique, topic)).assigned)

        await until(is_a_member)
        assert (await group_of(connection, unique, f"{unique}-activity")).assigned == {}


async def test_an_extent_reaches_from_what_is_left_to_what_is_acknowledged(
    connection: KafkaConnection,
    make_topic: MakeTopic,
    producer: AIOKafkaProducer,
    transactional: AIOKafkaProducer,
    admin: AIOKafkaAdminClient,
) -> None:
    topic = await make_topic("activity", partitions=3)
    for _ in range(4):
        await producer.send_and_wait(topic, b"x", partition=1)
    await admin.delete_records({TopicPartition(topic, 1): RecordsToDelete(3)})
    await transactional.begin_transaction()
    await transactional.send_and_wait(topic, b"open", partition=2)
    assert await extents(connection, topic, [1, 2]) == {1: Extent(3, 4), 2: Extent(0, 1)}
    await transactional.abort_transaction()


async def test_the_marker_is_read_without_a_word_to_kafka(
    connection: KafkaConnection, make_topic: MakeTopic, unique: str
) -> None:
    topic = await make_topic("progress", partitions=2)
    assert await last_marker(connection, topic, 1) == 0
    async with started(KafkaProducers(connection, unique, topic), 1) as producer:
        for sequence in (4, 5):
            await producer.begin()
            await producer.send(sequence, [])
            await producer.commit()

        async def is_read() -> bool:
            return await last_marker(connection, topic, 1) == 5

        await until(is_read)
        assert await last_marker(connection, topic, 0) == 0
        assert producer.usable, "looking has fenced nobody"
        await producer.begin()
        await producer.send(6, [])
        await producer.commit()
    records = await asyncio.to_thread(read_topic, connection.bootstrap_servers, topic)
    assert [record.value for record in records][:2] == [b"4", b"5"]


async def test_an_entry_without_records_publishes_its_marker_alone(
    connection: KafkaConnection, make_topic: MakeTopic, unique: str
) -> None:
    topic = await make_topic("progress")
    producers = KafkaProducers(connection, unique, topic)
    async with started(producers) as producer:
        await producer.begin()
        await producer.send(7, [])
        await producer.commit()
        await producer.begin()
        probe = await producer.send_probe()
        await producer.commit()
        assert await producers.marker(0, probe) == 7


async def test_a_marker_that_is_no_number_is_an_error(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer
) -> None:
    topic = await make_topic("progress")
    await producer.send_and_wait(topic, b"x", key=b"0", partition=0)
    with pytest.raises(MarkerUnreadableError):
        await last_marker(connection, topic, 0)


async def test_a_coordinator_of_transactions_is_found(connection: KafkaConnection, unique: str) -> None:
    await find_transaction_coordinator(connection, f"{unique}-0")


async def test_nobody_there_is_an_error_that_may_pass_and_comes_soon(connection: KafkaConnection) -> None:
    nowhere = replace(connection, bootstrap_servers="127.0.0.1:1", timeout_seconds=1.0)
    for question in (
        lambda: partition_counts(nowhere, ["topic"]),
        lambda: group_of(nowhere, "group", "topic"),
        lambda: extents(nowhere, "topic", [0]),
        lambda: last_marker(nowhere, "topic", 0),
        lambda: find_transaction_coordinator(nowhere, "group-0"),
    ):
        with pytest.raises(TransientError):
            await question()
