"""Kafka transactions that nobody has ended: every read_committed reader of the partition waits for them."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.conditions import eventually
from tests.harness.deployment import Deployment

ROLES = ("activity", "ticks", "messages", "cycles", "dead-letters", "progress")
# Kafka itself ends what a dead worker left open after its transaction timeout of 15 s, which it looks at every 10 s.
SECONDS = 30.0


async def open_partitions(kafka: str, topics: Collection[str]) -> list[tuple[str, int]]:
    """The partitions with an open transaction: their last stable offset lies below the high watermark."""
    watermarks = await _ends(kafka, topics, "read_uncommitted")
    # Asked later, so that a transaction that was begun in between doesn't count.
    stable = await _ends(kafka, topics, "read_committed")
    return sorted((tp.topic, tp.partition) for tp, end in watermarks.items() if stable[tp] < end)


async def hanging_transactions(deployment: Deployment) -> list[str]:
    """What is still open when Kafka has had the time to end it; no worker may run any more."""
    return await hanging_in(deployment.kafka, [deployment.topic(role) for role in ROLES])


async def hanging_in(kafka: str, topics: Collection[str]) -> list[str]:
    """The same of these topics."""

    async def none() -> None:
        found = await open_partitions(kafka, topics)
        assert not found, f"transactions hang in {', '.join(f'{topic}-{partition}' for topic, partition in found)}"

    try:
        await eventually(none, SECONDS)
    except AssertionError as error:
        return [str(error)]
    return []


@asynccontextmanager
async def kafka_reader(kafka: str, topics: Collection[str], isolation: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer without a group at the beginning of the topics; a partition ends where its isolation says."""
    consumer = AIOKafkaConsumer(
        *topics, bootstrap_servers=kafka, isolation_level=isolation, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def _ends(kafka: str, topics: Collection[str], isolation: str) -> dict[TopicPartition, int]:
    """The high watermarks, or under read_committed the last stable offsets."""
    async with kafka_reader(kafka, topics, isolation) as consumer:
        partitions = [TopicPartition(topic, n) for topic in topics for n in consumer.partitions_for_topic(topic) or ()]
        ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
        return ends
