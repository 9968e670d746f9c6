"""The rules of ``Producers`` and ``ShardProducer``, on a real broker; what they wrote is read by another client."""

import asyncio
from random import Random

import pytest

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.producer import KafkaProducers
from domain.errors import MisconfiguredError, TransientError
from domain.records import OutgoingRecord
from tests.contract.kafka.conftest import AddPartitions, MakeTopic
from tests.contract.kafka.publishing import numbered, read, started, values
from tests.foreign import read_topic


async def test_what_is_published_is_read_once_with_all_that_it_has(
    connection: KafkaConnection, make_topic: MakeTopic, unique: str
) -> None:
    messages, progress = await make_topic("messages"), await make_topic("progress", partitions=2)
    records = [
        OutgoingRecord(messages, b"key", "😉".encode(), (("ce_id", b"1"), ("ce_id", b""), ("none", None)), 1234567),
        OutgoingRecord(messages, b"", None),
        OutgoingRecord(messages, None, b""),
        OutgoingRecord(messages, None, None),
    ]
    async with started(KafkaProducers(connection, unique, progress), shard=1) as producer:
        await producer.begin()
        await producer.send(7, records)
        assert await asyncio.to_thread(read_topic, connection.bootstrap_servers, messages) == []
        await producer.commit()
        assert producer.usable
    seen = await read(connection, messages)
    assert [(record.key, record.value, record.headers) for record in seen] == [
        (record.key, record.value, record.headers) for record in records
    ]
    assert seen[0].timestamp_ms == 1234567
    assert seen[1].timestamp_ms > 1234567
    (marker,) = await read(connection, progress)
    assert (marker.partition, marker.key, marker.value) == (1, b"1", b"7")


async def test_one_producer_publishes_many_entries_in_order(
    connection: KafkaConnection, make_topic: MakeTopic, unique: str
) -> None:
    messages, progress = await make_topic("messages", partitions=3), await make_topic("progress")
    async with started(KafkaProducers(connection, unique, progress)) as producer:
        for sequence in range(1, 21):
            await producer.begin()
            await producer.send(sequence, [OutgoingRecord(messages, b"k", b"%d" % sequence)])
            await producer.commit()
    assert await values(connection, messages) == [b"%d" % sequence for sequence in range(1, 21)]
    assert await values(connection, progress) == [b"%d" % sequence for sequence in range(1, 21)]


async def test_an_entry_of_several_batches_keeps_the_order_of_each_key(
    connection: KafkaConnection, make_topic: MakeTopic, unique: str
) -> None:
    messages, progress = await make_topic("messages", partitions=3), await make_topic("progress")
    # 300 records of 10 KB: about 3 MB, and a batch holds half a MiB.
    records = numbered(messages, 300, size=10_000)
    async with started(KafkaProducers(connection, unique, progress)) as producer:
        await producer.begin()
        await producer.send(1, records)
        await producer.commit()
    seen = await read(connection, messages)
    assert len(seen) == 300
    for key in {record.key for record in records}:
        assert [r.value for r in seen if r.key == key] == [r.value for r in records if r.key == key]


async def test_an_explicit_partition_counts_more_than_the_key(
    connection: KafkaConnection, make_topic: MakeTopic, unique: str
) -> None:
    messages, progress = await make_topic("messages", partitions=4), await make_topic("progress")
    async with started(KafkaProducers(connection, unique, progress)) as producer:
        await producer.begin()
        await producer.send(1, [OutgoingRecord(messages, b"k", b"%d" % p, partition=p) for p in range(4)])
        await producer.commit()
    assert [(r.partition, r.value) for r in await read(connection, messages)] == [(p, b"%d" % p) for p in range(4)]


async def test_a_record_larger_than_a_batch_is_published_when_its_topic_takes_it(
    connection: KafkaConnection, make_topic: MakeTopic, unique: str
) -> None:
    large = await make_topic("large", max_message_bytes="3000000")
    progress = await make_topic("progress")
    record = OutgoingRecord(large, b"k", b"x" * 2_000_000)
    async with started(KafkaProducers(connection, unique, progress)) as producer:
        await producer.begin()
        await producer.send(1, [*numbered(large, 3), record, *numbered(large, 3)])
        await producer.commit()
    assert [len(value or b"") for value in await values(connection, large)] == [3, 3, 3, 2_000_000, 3, 3, 3]


async def test_a_record_that_its_topic_refuses_fails_the_entry_and_nothing_of_it_is_ever_seen(
    connection: KafkaConnection, make_topic: MakeTopic, unique: str
) -> None:
    messages, progress = await make_topic("messages"), await make_topic("progress")
    small = await make_topic("small", max_message_bytes="1000")
    producers = KafkaProducers(connection, unique, progress)
    incompressible = Random(1).randbytes(2_000)
    async with started(producers) as producer:
        await producer.begin()
        with pytest.raises(MisconfiguredError, match="larger than the topic accepts"):
            await producer.send(1, [*numbered(messages, 3), OutgoingRecord(small, b"k", incompressible)])
        assert not producer.usable
        with pytest.raises(TransientError, match="start another"):
            await producer.commit()
    async with started(producers) as producer:
        await producer.begin()
        await producer.send(1, [OutgoingRecord(messages, b"k", b"again")])
        await producer.commit()
    assert await values(connection, messages) == [b"again"]
    assert await values(connection, progress) == [b"1"]
    # The failed entry did reach the log, and was aborted.
    assert len(await values(connection, messages, "read_uncommitted")) == 4


async def test_a_probe_tells_its_offset_and_is_no_marker(
    connection: KafkaConnection, make_topic: MakeTopic, unique: str
) -> None:
    progress = await make_topic("progress", partitions=2)
    producers = KafkaProducers(connection, unique, progress)
    async with started(producers, shard=1) as producer:
        await producer.begin()
        await producer.send(1, [])
        await producer.commit()
        await producer.begin()
        probe = await producer.send_probe()
        await producer.commit()
        # The marker at 0, the end of its transaction at 1.
        assert probe == 2
        assert await producers.marker(1, probe) == 1
    seen = await read(connection, progress)
    assert [(record.partition, record.offset, record.key) for record in seen] == [(1, 0, b"1"), (1, 2, b"probe")]


async def test_a_missing_topic_is_named(connection: KafkaConnection, make_topic: MakeTopic, unique: str) -> None:
    progress = await make_topic("progress")
    async with started(KafkaProducers(connection, unique, progress)) as producer:
        await producer.begin()
        with pytest.raises(MisconfiguredError, match=f"{unique}-missing.*engage init"):
            await producer.send(1, [OutgoingRecord(f"{unique}-missing", b"k", b"x")])
        assert not producer.usable


async def test_a_partition_that_was_just_added_can_be_sent_to(
    connection: KafkaConnection, make_topic: MakeTopic, add_partitions: AddPartitions, unique: str
) -> None:
    messages, progress = await make_topic("messages"), await make_topic("progress")
    async with started(KafkaProducers(connection, unique, progress)) as producer:
        for partition in range(2):
            await producer.begin()
            await producer.send(1, [OutgoingRecord(messages, b"k", b"%d" % partition, partition=partition)])
            await producer.commit()
            await add_partitions(messages, 2 + partition)
    assert await values(connection, messages) == [b"0", b"1"]


async def test_a_missing_progress_partition_is_named(
    connection: KafkaConnection, make_topic: MakeTopic, unique: str
) -> None:
    progress = await make_topic("progress")
    async with started(KafkaProducers(connection, unique, progress), shard=3) as producer:
        await producer.begin()
        with pytest.raises(MisconfiguredError, match="has no partition 3: `engage init`"):
            await producer.send_probe()


async def test_a_cancelled_send_uses_the_producer_up(
    connection: KafkaConnection, make_topic: MakeTopic, unique: str
) -> None:
    messages, progress = await make_topic("messages"), await make_topic("progress")
    async with started(KafkaProducers(connection, unique, progress)) as producer:
        await producer.begin()
        sending = asyncio.create_task(producer.send(1, numbered(messages, 100, size=10_000)))
        await asyncio.sleep(0)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert not producer.usable
    assert await values(connection, messages) == []


async def test_a_closed_producer_is_not_usable_and_may_be_closed_again(
    connection: KafkaConnection, make_topic: MakeTopic, unique: str
) -> None:
    producer = await KafkaProducers(connection, unique, await make_topic("progress")).start(0)
    await producer.close()
    await producer.close()
    assert not producer.usable
    with pytest.raises(TransientError, match="start another"):
        await producer.begin()
