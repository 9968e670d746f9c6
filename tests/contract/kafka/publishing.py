"""Started producers, and what became of their records in the eyes of another client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.producer import KafkaProducers, KafkaShardProducer
from domain.records import OutgoingRecord
from tests.contract.kafka.conftest import settled
from tests.foreign import ForeignRecord, Isolation, read_topic


@asynccontextmanager
async def started(producers: KafkaProducers, shard: int = 0) -> AsyncIterator[KafkaShardProducer]:
    producer = await producers.start(shard)
    try:
        yield producer
    finally:
        await producer.close()


async def read(connection: KafkaConnection, topic: str, isolation: Isolation = "read_committed") -> list[ForeignRecord]:
    await settled(connection, topic)
    return await asyncio.to_thread(read_topic, connection.bootstrap_servers, topic, isolation=isolation)


async def values(
    connection: KafkaConnection, topic: str, isolation: Isolation = "read_committed"
) -> list[bytes | None]:
    return [record.value for record in await read(connection, topic, isolation)]


def numbered(topic: str, count: int, size: int = 1) -> list[OutgoingRecord]:
    return [OutgoingRecord(topic, b"k%d" % (number % 5), b"%d:" % number + b"x" * size) for number in range(count)]
