"""Records into Kafka for the commands: many of them fast, or one of them with its place."""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaProducer

from adapters.kafka.batches import BATCH_BYTES, batches_of
from adapters.kafka.connection import KafkaConnection
from adapters.kafka.deadline import IDEMPOTENT_WRITE, translated, within
from adapters.kafka.discard import discard_producer
from adapters.kafka.starting import start_client
from domain.errors import TransientError
from domain.records import OutgoingRecord


class EventProducer:
    """Idempotent, acknowledged by all replicas, without transactions. To be used as an asynchronous context.

    Leaving the context without an error flushes. After an error nobody knows which records of the last ``send`` Kafka
    has; records before the last successful ``flush`` it has. For use by one task at a time.
    """

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._producer: AIOKafkaProducer | None = None
        self._deliveries: set[asyncio.Future[Any]] = set()
        self._failure: BaseException | None = None

    async def __aenter__(self) -> Self:
        """Connect. Raises TransientError, MisconfiguredError."""
        self._producer = AIOKafkaProducer(
            **self._connection.arguments(),
            enable_idempotence=True,
            acks="all",
            max_batch_size=BATCH_BYTES,
            compression_type="zstd",
        )
        try:
            doing = f"connect to {self._connection.bootstrap_servers}"
            async with within(self._connection.timeout_seconds, doing, IDEMPOTENT_WRITE):
                await start_client(self._producer, self._connection)
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                await self.flush()
        finally:
            await self._close()

    async def send(self, records: Sequence[OutgoingRecord]) -> None:
        """Hand over the records; waits only while earlier ones of their partitions are still on the way.

        Hundreds of records at a time are fast, one at a time is not. Raises TransientError, MisconfiguredError, also
        for records handed over before.
        """
        async with within(self._connection.timeout_seconds, "produce records", "Write"):
            for topic, partition, batch in await batches_of(self._open(), records):
                self._note(await self._open().send_batch(batch, topic, partition=partition))

    async def deliver(self, record: OutgoingRecord) -> tuple[int, int]:
        """Send the record; returns its partition and offset when it was acknowledged. Raises as ``send``."""
        async with within(self._connection.timeout_seconds, f"produce a record to {record.topic}", "Write"):
            ((topic, partition, batch),) = await batches_of(self._open(), [record])
            delivery = await self._open().send_batch(batch, topic, partition=partition)
            self._note(delivery)
            metadata = await delivery
        return metadata.partition, metadata.offset

    async def flush(self) -> None:
        """Return when every record was acknowledged. Raises TransientError, MisconfiguredError."""
        async with within(self._connection.timeout_seconds, "produce records", "Write"):
            if self._deliveries:
                await asyncio.wait(set(self._deliveries))
        self._open()

    def _note(self, delivery: asyncio.Future[Any]) -> None:
        self._deliveries.add(delivery)
        delivery.add_done_callback(self._delivered)

    def _delivered(self, delivery: asyncio.Future[Any]) -> None:
        self._deliveries.discard(delivery)
        if not delivery.cancelled() and self._failure is None:
            self._failure = delivery.exception()

    def _open(self) -> AIOKafkaProducer:
        if self._failure is not None:
            raise translated(self._failure, "produce records", "Write") from self._failure
        if self._producer is None:
            raise TransientError("could not produce records: the producer is closed")
        return self._producer

    async def _close(self) -> None:
        producer, self._producer = self._producer, None
        for delivery in list(self._deliveries):
            delivery.cancel()
        if producer is not None:
            await discard_producer(producer)
