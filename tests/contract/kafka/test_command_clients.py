"""``EventProducer`` and ``TopicReader``, with which the commands write and read, on a real broker."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.event_producer import EventProducer
from adapters.kafka.topic_reader import TopicReader
from domain.errors import MisconfiguredError
from domain.records import InputRecord, OutgoingRecord
from tests.contract.kafka.conftest import AddPartitions, MakeTopic
from tests.foreign import read_topic


async def take(records: AsyncIterator[InputRecord], count: int) -> list[InputRecord]:
    taken: list[InputRecord] = []
    async with asyncio.timeout(30):
        while len(taken) < count:
            taken.append(await anext(records))
    return taken


async def test_a_delivered_record_tells_its_place(connection: KafkaConnection, make_topic: MakeTopic) -> None:
    topic = await make_topic("events", partitions=2)
    async with EventProducer(connection) as producer:
        assert await producer.deliver(OutgoingRecord(topic, b"k", b"0", partition=1)) == (1, 0)
        assert await producer.deliver(OutgoingRecord(topic, None, None, partition=1)) == (1, 1)
    records = await asyncio.to_thread(read_topic, connection.bootstrap_servers, topic)
    assert [(record.partition, record.key, record.value) for record in records] == [(1, b"k", b"0"), (1, None, None)]


async def test_everything_sent_is_there_once_and_in_order_after_the_context(
    connection: KafkaConnection, make_topic: MakeTopic
) -> None:
    topic = await make_topic("events", partitions=3)
    async with EventProducer(connection) as producer:
        for start in range(0, 20_000, 1_000):
            await producer.send(
                [OutgoingRecord(topic, b"%d" % (number % 10), b"%d" % number) for number in range(start, start + 1_000)]
            )
    async with TopicReader(connection, topic) as reader:
        records = [record async for record in reader.read_to(await reader.ends())]
    for digit in range(10):
        numbers = [int(record.value or b"") for record in records if record.key == b"%d" % digit]
        assert numbers == list(range(digit, 20_000, 10))


async def test_a_flush_returns_when_all_is_acknowledged(connection: KafkaConnection, make_topic: MakeTopic) -> None:
    topic = await make_topic("events")
    async with EventProducer(connection) as producer:
        await producer.send([OutgoingRecord(topic, b"k", b"x")])
        await producer.flush()
        assert len(await asyncio.to_thread(read_topic, connection.bootstrap_servers, topic)) == 1


async def test_a_record_that_its_topic_refuses_is_reported_at_the_latest_by_the_flush(
    connection: KafkaConnection, make_topic: MakeTopic
) -> None:
    topic = await make_topic("small", max_message_bytes="100")
    refused = OutgoingRecord(topic, b"k", bytes(range(256)))
    with pytest.raises(MisconfiguredError, match="larger than the topic accepts"):
        async with EventProducer(connection) as producer:
            await producer.send([refused])
    with pytest.raises(MisconfiguredError, match="larger than the topic accepts"):
        async with EventProducer(connection) as producer:
            await producer.deliver(refused)


async def test_producing_to_a_missing_topic_names_it(connection: KafkaConnection, unique: str) -> None:
    with pytest.raises(MisconfiguredError, match=f"{unique}.*engage init"):
        async with EventProducer(connection) as producer:
            await producer.deliver(OutgoingRecord(unique, b"k", b"x"))


async def test_an_error_in_the_context_is_not_hidden(connection: KafkaConnection, make_topic: MakeTopic) -> None:
    topic = await make_topic("events")

    async def fail() -> None:
        async with EventProducer(connection) as producer:
            await producer.send([OutgoingRecord(topic, b"k", b"x")])
            raise KeyError

    with pytest.raises(KeyError):
        await fail()


async def test_a_reader_reads_to_the_end_it_was_given_and_no_further(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer, transactional: AIOKafkaProducer
) -> None:
    topic = await make_topic("events", partitions=2)
    await producer.send_and_wait(topic, b"0", partition=0)
    async with transactional.transaction():
        await transactional.send_and_wait(topic, b"1", partition=1)
    await transactional.begin_transaction()
    await transactional.send_and_wait(topic, b"aborted", partition=1)
    await transactional.abort_transaction()
    async with TopicReader(connection, topic) as reader:
        async with asyncio.timeout(30):
            while (ends := await reader.ends()) != {0: 1, 1: 4}:
                await reader.poll(0.01)
        await producer.send_and_wait(topic, b"later", partition=0)
        reader.seek({0: 0, 1: 0})
        assert sorted([record.value or b"" async for record in reader.read_to(ends)]) == [b"0", b"1"]
        reader.seek({0: 1, 1: 4})
        assert [record async for record in reader.read_to(ends)] == []


async def test_an_empty_topic_is_read_to_its_end(connection: KafkaConnection, make_topic: MakeTopic) -> None:
    async with TopicReader(connection, await make_topic("events", partitions=2)) as reader:
        assert [record async for record in reader.read_to(await reader.ends())] == []


async def test_a_reader_follows_what_comes(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer
) -> None:
    topic = await make_topic("events")
    await producer.send_and_wait(topic, b"old")
    async with TopicReader(connection, topic) as reader:
        reader.seek(await reader.ends())
        following = reader.follow()
        await producer.send_and_wait(topic, b"new")
        (record,) = await take(following, 1)
        await following.aclose()
    assert (record.offset, record.value) == (1, b"new")


async def test_a_follower_takes_in_new_partitions_from_their_beginning(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer, add_partitions: AddPartitions
) -> None:
    topic = await make_topic("events")
    await producer.send_and_wait(topic, b"0")
    async with TopicReader(replace(connection, metadata_max_age_seconds=0.3), topic) as reader:
        following = reader.follow()
        assert [record.value for record in await take(following, 1)] == [b"0"]
        await add_partitions(topic, 2)
        async with AIOKafkaProducer(bootstrap_servers=connection.bootstrap_servers) as another:
            await another.send_and_wait(topic, b"1", partition=1)
        await producer.send_and_wait(topic, b"2", partition=0)
        assert {record.value for record in await take(following, 2)} == {b"1", b"2"}
        await following.aclose()


async def test_a_reader_goes_on_at_the_beginning_when_retention_was_faster(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer, admin: AIOKafkaAdminClient
) -> None:
    topic = await make_topic("events")
    for number in range(3):
        await producer.send_and_wait(topic, b"%d" % number)
    await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(2)})
    async with TopicReader(connection, topic) as reader:
        reader.seek({0: 1})
        assert [record.value async for record in reader.read_to(await reader.ends())] == [b"2"]


async def test_reading_a_missing_topic_names_it(connection: KafkaConnection, unique: str) -> None:
    with pytest.raises(MisconfiguredError, match=f"{unique}.*engage init"):
        async with TopicReader(connection, unique):
            pass
