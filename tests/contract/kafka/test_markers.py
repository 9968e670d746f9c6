"""Reading the marker of a shard, on a real broker."""

import asyncio
from collections.abc import Sequence

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.markers import read_marker
from domain.errors import MarkerUnreadableError, TransientError
from tests.contract.kafka.conftest import MakeTopic

SHARD = 1
Record = tuple[bytes | None, bytes | None]
MARKER = b"1"


async def write(producer: AIOKafkaProducer, topic: str, *records: Record) -> int:
    """Append to the shard's partition; returns the last offset."""
    offset = -1
    for key, value in records:
        offset = (await producer.send_and_wait(topic, value, key=key, partition=SHARD)).offset
    return offset


@pytest.mark.parametrize(
    ("records", "marker"),
    [
        ([], 0),
        ([(MARKER, b"3")], 3),
        ([(MARKER, b"3"), (MARKER, b"4")], 4),
        ([(MARKER, b"12"), (MARKER, b"4")], 4),
        ([(b"0", b"9"), (b"probe", b""), (b"11", b"9"), (None, b"9")], 0),
        ([(MARKER, b"3"), (b"0", b"9"), (b"probe", b""), (b"11", b"9"), (None, b"9")], 3),
        ([(MARKER, b"9007199254740993")], 9007199254740993),
    ],
)
async def test_the_last_record_with_the_shards_key_counts_and_0_without_any(
    connection: KafkaConnection,
    make_topic: MakeTopic,
    producer: AIOKafkaProducer,
    records: Sequence[Record],
    marker: int,
) -> None:
    topic = await make_topic("progress", partitions=2)
    probe = await write(producer, topic, *records, (b"probe", b""))
    assert await read_marker(connection, topic, SHARD, probe) == marker


async def test_a_marker_after_the_probe_does_not_count(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer
) -> None:
    topic = await make_topic("progress", partitions=2)
    probe = await write(producer, topic, (MARKER, b"3"), (b"probe", b""))
    await write(producer, topic, (MARKER, b"4"))
    assert await read_marker(connection, topic, SHARD, probe) == 3


@pytest.mark.parametrize("distance", [62, 63, 64, 65, 191, 192, 193, 1000])
async def test_a_marker_is_found_however_far_back(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer, distance: int
) -> None:
    topic = await make_topic("progress", partitions=2)
    await write(producer, topic, (MARKER, b"1"), (MARKER, b"2"))
    for _ in range(distance - 1):
        await producer.send(topic, b"", key=b"probe", partition=SHARD)
    await producer.flush()
    probe = await write(producer, topic, (b"probe", b""))
    assert probe == 1 + distance
    assert await read_marker(connection, topic, SHARD, probe) == 2


async def test_nothing_is_found_below_the_beginning_of_the_log(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer, admin: AIOKafkaAdminClient
) -> None:
    topic = await make_topic("progress", partitions=2)
    await write(producer, topic, (MARKER, b"3"))
    probe = await write(producer, topic, *[(b"probe", b"")] * 100)
    await admin.delete_records({TopicPartition(topic, SHARD): RecordsToDelete(50)})
    assert await read_marker(connection, topic, SHARD, probe) == 0


async def test_an_aborted_marker_does_not_count(
    connection: KafkaConnection, make_topic: MakeTopic, transactional: AIOKafkaProducer
) -> None:
    topic = await make_topic("progress", partitions=2)
    async with transactional.transaction():
        await write(transactional, topic, (MARKER, b"3"))
    await transactional.begin_transaction()
    await write(transactional, topic, (MARKER, b"4"))
    await transactional.abort_transaction()
    async with transactional.transaction():
        probe = await write(transactional, topic, (b"probe", b""))
    assert await read_marker(connection, topic, SHARD, probe) == 3


@pytest.mark.parametrize(("outcome", "marker"), [("commit", 4), ("abort", 3)])
async def test_what_is_open_below_the_probe_is_waited_for(
    connection: KafkaConnection,
    make_topic: MakeTopic,
    producer: AIOKafkaProducer,
    transactional: AIOKafkaProducer,
    outcome: str,
    marker: int,
) -> None:
    topic = await make_topic("progress", partitions=2)
    await write(producer, topic, (MARKER, b"3"))
    await transactional.begin_transaction()
    await write(transactional, topic, (MARKER, b"4"))
    probe = await write(producer, topic, (b"probe", b""))
    impatient = KafkaConnection(connection.bootstrap_servers, timeout_seconds=1.5)
    with pytest.raises(TransientError, match="read the marker of shard 1"):
        await read_marker(impatient, topic, SHARD, probe)
    reading = asyncio.create_task(read_marker(connection, topic, SHARD, probe))
    if outcome == "commit":
        await transactional.commit_transaction()
    else:
        await transactional.abort_transaction()
    assert await reading == marker


async def test_the_probe_itself_is_waited_for(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer, transactional: AIOKafkaProducer
) -> None:
    topic = await make_topic("progress", partitions=2)
    await write(producer, topic, (MARKER, b"3"))
    await transactional.begin_transaction()
    probe = await write(transactional, topic, (b"probe", b""))
    impatient = KafkaConnection(connection.bootstrap_servers, timeout_seconds=1.5)
    with pytest.raises(TransientError, match="read the marker of shard 1"):
        await read_marker(impatient, topic, SHARD, probe)
    await transactional.commit_transaction()
    assert await read_marker(connection, topic, SHARD, probe) == 3


@pytest.mark.parametrize("value", [None, b"", b"x", b"-1", b"+1", b" 1", b"1_0", "\uff11".encode()])
async def test_a_marker_that_is_no_number_is_an_error(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer, value: bytes | None
) -> None:
    topic = await make_topic("progress", partitions=2)
    probe = await write(producer, topic, (MARKER, b"3"), (MARKER, value), (b"probe", b""))
    with pytest.raises(MarkerUnreadableError) as unreadable:
        await read_marker(connection, topic, SHARD, probe)
    assert (unreadable.value.shard, unreadable.value.offset) == (SHARD, 1)


async def test_compaction_keeps_the_marker_readable(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer
) -> None:
    """Reading crosses the holes that compaction leaves."""
    topic = await make_topic(
        "progress",
        partitions=2,
        cleanup_policy="compact",
        segment_bytes="1048576",
        min_cleanable_dirty_ratio="0.001",
    )
    for sequence in range(300):
        await write(producer, topic, (MARKER, b"%d" % sequence), (b"probe", b""))
    probe = await write(producer, topic, (b"probe", b""))
    assert await read_marker(connection, topic, SHARD, probe) == 299
