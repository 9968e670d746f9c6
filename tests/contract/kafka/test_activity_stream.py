"""The rules of ``ActivityStream``, on a real broker."""

import asyncio
from contextlib import suppress

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from adapters.kafka.connection import KafkaConnection
from domain.errors import PositionGoneError
from domain.records import InputRecord, RecordBatch
from tests.contract.kafka.conftest import MakeTopic
from tests.contract.kafka.members import member
from tests.foreign import produce


def values(batches: list[RecordBatch]) -> list[bytes | None]:
    return [record.value for batch in batches for record in batch.records]


async def test_only_the_polled_shards_are_read(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer, unique: str
) -> None:
    topic = await make_topic("activity", partitions=3)
    for partition in range(3):
        await producer.send_and_wait(topic, b"%d" % partition, partition=partition)
    async with member(connection, topic, unique) as one:
        assert await one.hears(1) == {0, 1, 2}
        for shard in range(3):
            assert one.stream.seek(shard, 0)
        assert {*values(await one.reads([0, 2], 2))} == {b"0", b"2"}
        assert await one.stream.poll([0, 2], 0.2) == []
        assert values(await one.reads([1], 1)) == [b"1"]


async def test_a_record_comes_with_all_that_it_has(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer, unique: str
) -> None:
    topic = await make_topic("activity")
    headers = [("a", b"\x00\xff"), ("a", b""), ("ü", b"x")]
    await producer.send_and_wait(topic, b"value", key=b"key", partition=0, timestamp_ms=1234567890123, headers=headers)
    await producer.send_and_wait(topic, None, key=b"", partition=0, timestamp_ms=1)
    await producer.send_and_wait(topic, b"", key=None, partition=0, timestamp_ms=2)
    async with member(connection, topic, unique) as one:
        await one.hears(1)
        one.stream.seek(0, 0)
        (batch,) = await one.reads([0], 3)
    assert (batch.partition, batch.position, batch.next_position) == (0, 0, 3)
    assert [batch.input_record(raw) for raw in batch.records] == [
        InputRecord(topic, 0, 0, 1234567890123, b"key", b"value", tuple(headers)),
        InputRecord(topic, 0, 1, 1, b"", None),
        InputRecord(topic, 0, 2, 2, None, b""),
    ]


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_every_codec_is_read(connection: KafkaConnection, make_topic: MakeTopic, unique: str, codec: str) -> None:
    topic = await make_topic("activity")
    async with AIOKafkaProducer(bootstrap_servers=connection.bootstrap_servers, compression_type=codec) as producer:
        await producer.send_and_wait(topic, b"x" * 10_000)
    async with member(connection, topic, unique) as one:
        await one.hears(1)
        one.stream.seek(0, 0)
        assert values(await one.reads([0], 1)) == [b"x" * 10_000]


async def test_a_shard_that_was_assigned_is_not_read_before_it_was_sought(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer, unique: str
) -> None:
    topic = await make_topic("activity")
    await producer.send_and_wait(topic, b"x")
    async with member(connection, topic, unique) as one:
        await one.hears(1)
        assert await one.stream.poll([0], 0.3) == []


async def test_a_shard_that_waits_to_be_sought_does_not_end_the_reading_of_all_when_its_leader_changes(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer, unique: str
) -> None:
    """Its position is looked for in the group, once for each leader, and nobody has committed one."""
    topic = await make_topic("activity", partitions=2)
    await producer.send_and_wait(topic, b"x", partition=1)
    async with member(connection, topic, unique) as one:
        await one.hears(1)
        consumer = one.stream._consumer
        assignment = consumer._subscription.subscription.assignment
        for leader in range(2):
            await consumer._fetcher._update_fetch_positions(assignment, leader, [TopicPartition(topic, 0)])
        assert one.stream.seek(1, 0)
        assert values(await one.reads([1], 1)) == [b"x"]


async def test_a_cancelled_poll_loses_nothing(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer, unique: str
) -> None:
    topic = await make_topic("activity")
    async with member(connection, topic, unique) as one:
        await one.hears(1)
        one.stream.seek(0, 0)
        batches: list[RecordBatch] = []
        for number in range(20):
            polling = asyncio.create_task(one.stream.poll([0], 10.0))
            await asyncio.sleep(0)
            await producer.send_and_wait(topic, b"%d" % number)
            polling.cancel()
            with suppress(asyncio.CancelledError):
                batches += await polling
        missing = 20 - sum(len(batch.records) for batch in batches)
        batches += await one.reads([0], missing) if missing else []
    assert values(batches) == [b"%d" % number for number in range(20)]


async def test_seek_decides_where_the_next_poll_starts_and_park_ends_it(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer, unique: str
) -> None:
    topic = await make_topic("activity")
    for number in range(5):
        await producer.send_and_wait(topic, b"%d" % number)
    async with member(connection, topic, unique) as one:
        await one.hears(1)
        one.stream.seek(0, 3)
        assert values(await one.reads([0], 2)) == [b"3", b"4"]
        one.stream.seek(0, 1)
        assert values(await one.reads([0], 4)) == [b"1", b"2", b"3", b"4"]
        one.stream.seek(0, 0)
        one.stream.park(0)
        assert await one.stream.poll([0], 0.3) == []
        one.stream.seek(0, 4)
        assert values(await one.reads([0], 1)) == [b"4"]


async def test_a_poll_brings_at_most_ten_thousand_records(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer, unique: str
) -> None:
    topic = await make_topic("activity")
    for _ in range(10_050):
        await producer.send(topic, b"x", partition=0)
    await producer.flush()
    async with member(connection, topic, unique) as one:
        await one.hears(1)
        one.stream.seek(0, 7)
        batches = await one.reads([0], 10_043)
    # Kafka's own batches have some hundred records each: the first one is begun in its middle, and one is divided.
    assert [record.offset for batch in batches for record in batch.records] == [*range(7, 10_050)]
    assert max(len(batch.records) for batch in batches) <= 10_000
    assert [batch.position for batch in batches[1:]] == [batch.next_position for batch in batches[:-1]]


async def test_the_position_passes_transaction_markers_and_aborted_records_and_batches_say_so(
    connection: KafkaConnection, make_topic: MakeTopic, transactional: AIOKafkaProducer, unique: str
) -> None:
    topic = await make_topic("activity")
    async with transactional.transaction():
        await transactional.send_and_wait(topic, b"committed", partition=0)
    async with member(connection, topic, unique) as one:
        await one.hears(1)
        one.stream.seek(0, 0)
        first = await one.reaches(0, 2)
        await transactional.begin_transaction()
        await transactional.send_and_wait(topic, b"aborted", partition=0)
        await transactional.abort_transaction()
        then = await one.reaches(0, 4)
    assert values(first) == [b"committed"]
    assert first[-1].next_position == 2
    assert [(batch.position, batch.next_position, batch.records) for batch in then] == [(2, 4, ())]


async def test_a_position_below_the_beginning_is_an_error_and_the_other_shards_go_on(
    connection: KafkaConnection,
    make_topic: MakeTopic,
    producer: AIOKafkaProducer,
    admin: AIOKafkaAdminClient,
    unique: str,
) -> None:
    topic = await make_topic("activity", partitions=2)
    for partition in range(2):
        for number in range(3):
            await producer.send_and_wait(topic, b"%d" % number, partition=partition)
    await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(2)})
    async with member(connection, topic, unique) as one:
        await one.hears(1)
        one.stream.seek(0, 0)
        one.stream.seek(1, 0)
        seen: list[RecordBatch] = []
        with pytest.raises(PositionGoneError) as gone:
            await one.polls_for_ever([0, 1], seen)
        assert (gone.value.shard, gone.value.position) == (0, 0)
        if not seen:
            seen = await one.reads([0, 1], 3)
        assert values(seen) == [b"0", b"1", b"2"]
        one.stream.seek(0, 2)
        assert values(await one.reads([0], 1)) == [b"2"]


async def test_a_position_beyond_the_end_is_an_error(
    connection: KafkaConnection, make_topic: MakeTopic, unique: str
) -> None:
    topic = await make_topic("activity")
    async with member(connection, topic, unique) as one:
        await one.hears(1)
        one.stream.seek(0, 7)
        with pytest.raises(PositionGoneError, match="position 7 of shard 0"):
            await one.reads([0], 1)


async def test_a_header_name_that_is_not_utf8_does_not_stop_its_shard(
    connection: KafkaConnection,
    make_topic: MakeTopic,
    producer: AIOKafkaProducer,
    transactional: AIOKafkaProducer,
    unique: str,
) -> None:
    topic = await make_topic("activity", partitions=2)
    await producer.send_and_wait(topic, b"before", key=b"k", partition=0)
    await transactional.begin_transaction()
    await transactional.send_and_wait(topic, b"aborted", partition=0)
    await transactional.abort_transaction()
    await asyncio.to_thread(
        produce, connection.bootstrap_servers, topic, b"odd", key="k", partition=0, headers=[("a\udcff", "x")]
    )
    await producer.send_and_wait(topic, b"after", key=b"k", partition=0)
    await producer.send_and_wait(topic, b"elsewhere", partition=1)
    async with member(connection, topic, unique) as one:
        await one.hears(1)
        one.stream.seek(0, 0)
        one.stream.seek(1, 0)
        batches = await one.reads([0, 1], 4)
        await producer.send_and_wait(topic, b"later", partition=0)
        batches += await one.reads([0, 1], 1)
    records = [record for batch in batches if batch.partition == 0 for record in batch.records]
    assert [record.value for record in records] == [b"before", b"odd", b"after", b"later"]
    assert [record.offset for record in records] == [0, 3, 4, 5]
    assert records[1].headers == (("a\ufffd", b"x"),)
    assert next(batch.position for batch in batches if batch.partition == 0) == 0


async def test_a_poll_that_fails_for_one_shard_loses_nothing_of_another(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer, unique: str
) -> None:
    topic = await make_topic("activity", partitions=2)
    await producer.send_and_wait(topic, b"before", partition=0)
    await asyncio.to_thread(
        produce, connection.bootstrap_servers, topic, b"odd", partition=0, headers=[("\udcff", "x")]
    )
    async with member(connection, topic, unique) as one:
        await one.hears(1)
        # Which of the two is met first is up to chance, so it is tried often.
        for _ in range(10):
            one.stream.seek(0, 0)
            one.stream.seek(1, 7)
            seen: list[RecordBatch] = []
            with pytest.raises(PositionGoneError, match="shard 1"):
                await one.polls_for_ever([0, 1], seen)
            missing = 2 - sum(len(batch.records) for batch in seen)
            seen += await one.reads([0, 1], missing) if missing else []
            assert values(seen) == [b"before", b"odd"]
