"""State that lies in a compacted topic."""

from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.streams import PARTITIONS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def last_values(kafka: str, topic: str) -> dict[bytes, bytes]:
    """By key, the last value of what is committed."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, isolation_level="read_committed", enable_auto_commit=False)
    async with consumer:
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        values: dict[bytes, bytes] = {}
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                values.update((record.key, record.value) for record in records)
        return values
