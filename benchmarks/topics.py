"""Reading what is committed to a topic."""

from collections.abc import AsyncIterator, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from benchmarks.streams import PARTITIONS

_FETCH_BYTES = 2**23


def partitions_of(topic: str, partitions: int = PARTITIONS) -> list[TopicPartition]:
    """All of them."""
    return [TopicPartition(topic, number) for number in range(partitions)]


def committed_reader(kafka: str, fetch_ms: int = 500) -> AIOKafkaConsumer:
    """A consumer of no group that sees only what is committed; to be used as an asynchronous context.

    A fetch waits up to ``fetch_ms`` for something to bring.
    """
    return AIOKafkaConsumer(
        bootstrap_servers=kafka,
        isolation_level="read_committed",
        enable_auto_commit=False,
        max_partition_fetch_bytes=_FETCH_BYTES,
        fetch_max_wait_ms=fetch_ms,
    )


async def committed_records(
    kafka: str, partitions: Sequence[TopicPartition]
) -> AsyncIterator[Sequence[ConsumerRecord]]:
    """From the beginning of each to what is its end now, some at a time."""
    async with committed_reader(kafka) as reader:
        reader.assign(partitions)
        await reader.seek_to_beginning(*partitions)
        ends = await reader.end_offsets(partitions)
        while any([await reader.position(tp) < end for tp, end in ends.items()]):
            for records in (await reader.getmany(timeout_ms=200)).values():
                yield records


async def last_values(kafka: str, topic: str) -> dict[bytes, bytes]:
    """By key, the last value."""
    values: dict[bytes, bytes] = {}
    async for records in committed_records(kafka, partitions_of(topic)):
        values.update((record.key, record.value) for record in records)
    return values
