"""Writing messages into Kafka, a transaction at a time."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

from aiokafka import AIOKafkaProducer

from benchmarks.floors.part import Work
from benchmarks.services import Services
from benchmarks.streams import PARTITIONS, create_topic, user_id

Records = Sequence[tuple[bytes, bytes]]
"""Keys and values."""

_BATCH_BYTES = 512 * 1024
# Kafka answers "concurrent transactions" for a moment after each commit: the client's 100 ms would be most of the time.
_RETRY_BACKOFF_MS = 20


@dataclass(frozen=True, slots=True)
class Send:
    """``times`` transactions of ``messages`` messages of some 250 bytes, spread over the partitions."""

    messages: int
    times: int
    compression: str | None
    unit: str = "messages"

    @property
    def name(self) -> str:
        """With its sizes."""
        return f"send, {self.messages:,} messages a transaction, compression: {self.compression or 'none'}"

    @property
    def count(self) -> int:
        """Messages, of all transactions."""
        return self.messages * self.times

    @asynccontextmanager
    async def ready(self, services: Services, name: str) -> AsyncIterator[Work]:
        """A producer and its topic, and the messages of one transaction: the same ones are sent each time."""
        records = [message(user_id(number), uuid4(), "2026-01-01T00:00:00.000000Z") for number in range(self.messages)]
        by_partition = {partition: records[partition::PARTITIONS] for partition in range(PARTITIONS)}
        async with transactional_producer(services.kafka, name, self.compression) as producer:

            async def work() -> int:
                for _ in range(self.times):
                    await send(producer, name, by_partition)
                return self.count

            yield work


@asynccontextmanager
async def transactional_producer(kafka: str, topic: str, compression: str | None) -> AsyncIterator[AIOKafkaProducer]:
    """With a topic of its own, which is made here, and a first transaction behind it."""
    await create_topic(kafka, topic)
    async with AIOKafkaProducer(
        bootstrap_servers=kafka,
        transactional_id=topic,
        max_batch_size=_BATCH_BYTES,
        compression_type=compression,
        retry_backoff_ms=_RETRY_BACKOFF_MS,
    ) as producer:
        await send(producer, topic, {partition: [(b"", b"")] for partition in range(PARTITIONS)})
        yield producer


async def send(producer: AIOKafkaProducer, topic: str, records: Mapping[int, Records]) -> None:
    """In one transaction, by partition; all of them are acknowledged, and it is committed."""
    async with producer.transaction():
        deliveries = [
            await producer.send_batch(batch, topic, partition=partition)
            for partition, given in records.items()
            for batch in _batches(producer, given)
        ]
        for delivery in deliveries:
            await delivery


def message(user: str, identity: UUID, decided_at: str) -> tuple[bytes, bytes]:
    """A key and a value, with the fields of a message of the engine."""
    value = (
        f'{{"message_id":"{identity}","type":"CLIENT_ENGAGEMENT_BRAND","user_id":"{user}",'
        '"content":"Hello! We have not seen you for a while.","segment":"normal","tone":"neutral",'
        f'"reason":"eligible","decided_at":"{decided_at}"}}'
    )
    return user.encode(), value.encode()


def _batches(producer: AIOKafkaProducer, records: Records) -> Iterable[object]:
    batch = producer.create_batch()
    for key, value in records:
        if batch.append(key=key, value=value, timestamp=None) is None:
            yield batch
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None)
    yield batch
