"""The rules of ``TickStream``, on a real broker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.ticks import KafkaTickStream
from domain.errors import MisconfiguredError
from domain.records import RecordBatch
from tests.contract.kafka.conftest import MakeTopic
from tests.foreign import produce


@asynccontextmanager
async def started(connection: KafkaConnection, topic: str) -> AsyncIterator[KafkaTickStream]:
    ticks = KafkaTickStream(connection, topic)
    await ticks.start()
    try:
        yield ticks
    finally:
        await ticks.stop()


async def read(ticks: KafkaTickStream, position: int, up_to: int) -> list[bytes | None]:
    """The values from one position to another, as polls give them."""
    values = []
    async with asyncio.timeout(30):
        while position < up_to:
            batch = await ticks.poll(position, 0.1)
            assert batch.position == position
            values += [record.value for record in batch.records]
            position = batch.next_position
    return values


async def test_a_poll_reads_from_the_position_that_it_is_given(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer
) -> None:
    topic = await make_topic("ticks")
    for number in range(4):
        await producer.send_and_wait(topic, b"%d" % number)
    async with started(connection, topic) as ticks:
        assert await read(ticks, 0, 4) == [b"0", b"1", b"2", b"3"]
        assert await read(ticks, 2, 4) == [b"2", b"3"]
        assert await read(ticks, 0, 4) == [b"0", b"1", b"2", b"3"]


async def test_a_poll_at_the_end_is_empty_and_unmoved_and_sees_what_comes_then(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer
) -> None:
    topic = await make_topic("ticks")
    async with started(connection, topic) as ticks:
        assert await ticks.poll(0, 0.1) == RecordBatch(topic, 0, 0, 0, ())
        await producer.send_and_wait(topic, b"tick")
        assert await read(ticks, 0, 1) == [b"tick"]


async def test_only_committed_ticks_are_read_and_lie_below_the_end(
    connection: KafkaConnection, make_topic: MakeTopic, transactional: AIOKafkaProducer
) -> None:
    topic = await make_topic("ticks")
    async with started(connection, topic) as ticks:
        await transactional.begin_transaction()
        await transactional.send_and_wait(topic, b"aborted")
        await transactional.abort_transaction()
        await transactional.begin_transaction()
        await transactional.send_and_wait(topic, b"tick")
        assert await ticks.end() == 2
        assert await read(ticks, 0, 2) == []
        assert await ticks.poll(2, 0.2) == RecordBatch(topic, 0, 2, 2, ())
        await transactional.commit_transaction()
        assert await read(ticks, 2, 4) == [b"tick"]
        assert await ticks.end() == 4


async def test_positions_outside_of_the_log_read_as_empty_and_the_extent_tells(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer, admin: AIOKafkaAdminClient
) -> None:
    topic = await make_topic("ticks")
    for number in range(3):
        await producer.send_and_wait(topic, b"%d" % number)
    await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(2)})
    async with started(connection, topic) as ticks:
        for position in (0, 1, 9):
            for _ in range(2):
                assert await ticks.poll(position, 0.3) == RecordBatch(topic, 0, position, position, ())
        assert (await ticks.beginning(), await ticks.end()) == (2, 3)
        assert await read(ticks, 2, 3) == [b"2"]


async def test_a_header_name_that_is_not_utf8_does_not_stop_the_ticks(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer
) -> None:
    topic = await make_topic("ticks")
    await producer.send_and_wait(topic, b"0")
    await asyncio.to_thread(produce, connection.bootstrap_servers, topic, b"1", headers=[("\udcff", "x")])
    await producer.send_and_wait(topic, b"2")
    async with started(connection, topic) as ticks:
        assert await read(ticks, 0, 3) == [b"0", b"1", b"2"]


async def test_a_topic_with_several_partitions_stops_the_start(
    connection: KafkaConnection, make_topic: MakeTopic
) -> None:
    with pytest.raises(MisconfiguredError, match="2 partitions and must have exactly 1"):
        await KafkaTickStream(connection, await make_topic("ticks", partitions=2)).start()


async def test_a_missing_topic_stops_the_start(connection: KafkaConnection, unique: str) -> None:
    with pytest.raises(MisconfiguredError, match="engage init"):
        await KafkaTickStream(connection, f"{unique}-missing").start()


async def test_asking_for_the_end_does_not_wait_for_a_fetch(connection: KafkaConnection, make_topic: MakeTopic) -> None:
    """A fetch on an empty topic takes half a second; asked behind it, twelve answers would outlast the poll."""
    async with started(connection, await make_topic("ticks")) as ticks:
        polling = asyncio.create_task(ticks.poll(0, 5.0))
        for _ in range(12):
            assert await ticks.end() == 0
        assert not polling.done()
        await polling
