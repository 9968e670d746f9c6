"""Reads everything that a run is judged by, when it is over and all workers have stopped, into the run's folder."""

import asyncio
from collections.abc import Collection, Iterator
from pathlib import Path

import asyncpg
from aiokafka import TopicPartition

from tests.campaigns.hanging import hanging_in, kafka_reader
from tests.fault.soak.checker.evidence import HISTORY, ROLES, Standing, keep_standing, keep_topic
from tests.fault.soak.checker.history import load_run
from tests.fault.soak.checker.stored import tables_of
from tests.foreign import read_topic
from tests.harness.group import committed_offsets
from tests.oracle import InputRecord

# A partition of 250,000 records takes kcat a few seconds.
_READING_SECONDS = 300.0


async def collect(folder: Path, kafka: str, dsn: str, group: str) -> None:
    """``folder`` holds the history; ``kafka`` and ``dsn`` should lead to the services themselves, not through a proxy.

    Raises AssertionError when kcat fails, and what the clients raise.
    """
    topics = load_run(folder / HISTORY).topics
    # First of all: until a transaction has ended, readers don't see what lies behind it.
    hanging = await hanging_in(kafka, list(topics.values()))
    partitions = await _partitions(kafka, list(topics.values()))
    for role in ROLES:
        topic = topics[role]
        await asyncio.to_thread(keep_topic, folder, role, _records(kafka, topic, partitions[topic]))
    connection = await asyncpg.connect(dsn)
    try:
        tables = await tables_of(connection)
    finally:
        await connection.close()
    ends = await _ends(kafka, topics["activity"])
    keep_standing(folder, Standing(tables, await committed_offsets(kafka, group), ends, hanging))


def _records(kafka: str, topic: str, partitions: Collection[int]) -> Iterator[InputRecord]:
    """One partition after the other, so that not all of a large topic is in memory as text."""
    for partition in sorted(partitions):
        for record in read_topic(kafka, topic, partition=partition, seconds=_READING_SECONDS):
            yield InputRecord(
                record.topic, record.partition, record.offset, record.timestamp_ms, record.key, record.value,
                record.headers,
            )  # fmt: skip


async def _partitions(kafka: str, topics: Collection[str]) -> dict[str, set[int]]:
    async with kafka_reader(kafka, topics, "read_committed") as consumer:
        return {topic: consumer.partitions_for_topic(topic) or set() for topic in topics}


async def _ends(kafka: str, topic: str) -> dict[int, int]:
    async with kafka_reader(kafka, [topic], "read_committed") as consumer:
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        return {tp.partition: end for tp, end in (await consumer.end_offsets(partitions)).items()}
