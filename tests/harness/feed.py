"""Produces activity and ticks, and remembers in which order Kafka acknowledged what."""

import asyncio
import json
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tests.conditions import until
from tests.harness.deployment import Deployment
from tests.oracle import InputRecord

# The partition for a key; None: where Kafka's default partitioner puts it.
Place = Callable[[bytes | None], int | None]

_PIECE = 5_000


def by_key(_key: bytes | None) -> int | None:
    """All records of a user in one partition."""
    return None


class Feed:
    """To be used as an asynchronous context; each call returns when Kafka has acknowledged everything."""

    def __init__(self, deployment: Deployment) -> None:
        self.produced: list[InputRecord] = []
        """Where the records lie, in the order of production; keys and values are left out."""
        self.activity_topic = deployment.topic("activity")
        self._deployment = deployment
        self._producer = AIOKafkaProducer(
            bootstrap_servers=deployment.kafka,
            acks="all",
            enable_idempotence=True,
            linger_ms=5,
            metadata_max_age_ms=1_000,  # so that it soon hears of new partitions
        )

    async def __aenter__(self) -> Self:
        await self._producer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._producer.stop()

    async def activity(self, events: Iterable[dict[str, Any]], place: Place = by_key) -> None:
        """Events as JSON objects, each keyed by its user."""
        await self.records(((str(event["user_id"]).encode(), json.dumps(event).encode()) for event in events), place)

    async def records(self, records: Iterable[tuple[bytes | None, bytes | None]], place: Place = by_key) -> None:
        """Activity records as they are, good or bad."""
        pairs = list(records)
        topic = self.activity_topic
        for start in range(0, len(pairs), _PIECE):
            sent = [
                await self._producer.send(topic, value, key=key, partition=place(key))
                for key, value in pairs[start : start + _PIECE]
            ]
            self._note(await asyncio.gather(*sent))

    async def wait_for_partitions(self, number: int) -> None:
        """Wait until the producer knows that the activity topic has so many partitions."""

        async def known() -> bool:
            return len(await self._producer.partitions_for(self.activity_topic)) == number

        await until(known)

    async def tick(self, at: str, tick_id: str | None = None) -> int:
        """A tick; returns its offset."""
        value = {"type": "engagement.tick", "at": at} | ({} if tick_id is None else {"tick_id": tick_id})
        return await self.tick_record(json.dumps(value).encode())

    async def tick_record(self, value: bytes | None) -> int:
        """A record of the tick topic as it is, good or bad; returns its offset."""
        sent = await self._producer.send_and_wait(self._deployment.topic("ticks"), value)
        self._note([sent])
        return int(sent.offset)

    def _note(self, acknowledged: Iterable[Any]) -> None:
        self.produced.extend(
            InputRecord(record.topic, record.partition, record.offset, record.timestamp, None, None)
            for record in acknowledged
        )


async def wait_for_cycles(deployment: Deployment, number: int, seconds: float = 90) -> list[dict[str, Any]]:
    """Wait until the cycles topic holds so many records for read_committed readers; returns them."""
    tp = TopicPartition(deployment.topic("cycles"), 0)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=deployment.kafka, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        consumer.assign([tp])
        found: list[dict[str, Any]] = []
        async with asyncio.timeout(seconds):
            while len(found) < number:
                records = await consumer.getmany(tp, timeout_ms=200)
                found.extend(json.loads(record.value) for record in records.get(tp, []))
        return found
    finally:
        await consumer.stop()
