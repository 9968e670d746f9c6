"""Reading what is committed to a topic."""

from collections.abc import AsyncIterator, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from benchmarks.streams import PARTITIONS

_FETCH_BYTES = 2**23


def partitions_of(topic: str) -> list[TopicPartition]:
    """All of them."""
    return [TopicPartition(topic, number) for number in range(PARTITIONS)]


def committed_reader(kafka: str) -> AIOKafkaConsumer:
    """A consumer of no group that sees only what is committed; to be used as an asynchronous context."""
    return AIOKafkaConsumer(
        bootstrap_servers=kafka,
        isolation_level="read_committed",
        enable_auto_commit=False,
        max_partition_fetch_bytes=_FETCH_BYTES,
    )


async def committed_records(kafka: str, topic: str) -> AsyncIterator[Sequence[ConsumerRecord]]:
    """From the beginning to what is the end now, some at a time."""
    async with committed_reader(kafka) as reader:
        partitions = partitions_of(topic)
        reader.assign(partitions)
        await reader.seek_to_beginning(*partitions)
        ends = await reader.end_offsets(partitions)
        while any([await reader.position(tp) < end for tp, end in ends.items()]):
            for records in (await reader.getmany(timeout_ms=200)).values():
                yield records


async def last_values(kafka: str, topic: str) -> dict[bytes, bytes]:
    """By key, the last value."""
    values: dict[bytes, bytes] = {}
    async for records in committed_records(kafka, topic):
        values.update((record.key, record.value) for record in records)
    return values
