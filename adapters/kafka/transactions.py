"""A transactional producer: each step bounded, each delivery checked, fenced by whoever starts another of its id."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from enum import Enum, auto
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.client import ConnectionGroup
from aiokafka.conn import AIOKafkaConnection

from adapters.kafka.batches import BATCH_BYTES, batches_of
from adapters.kafka.connection import KafkaConnection
from adapters.kafka.deadline import look_at, within
from adapters.kafka.discard import discard_producer
from adapters.kafka.markers import PROBE_KEY
from adapters.kafka.starting import start_client
from domain.errors import TransientError
from domain.records import OutgoingRecord

# An open transaction of a dead process holds up every read_committed reader of the topics it wrote to for so long.
_TRANSACTION_TIMEOUT_MS = 15_000
# Kafka answers "concurrent transactions" for a moment after each commit: the client's 100 ms would be most of the time.
_RETRY_BACKOFF_MS = 20


class _Phase(Enum):
    IDLE = auto()
    OPEN = auto()
    SPENT = auto()


class TransactionalProducer:
    """Made by ``start_transactional``. For use by one task at a time.

    Any error and any cancellation leaves it spent: what was under way may still reach Kafka, and only a new producer
    can rule that out.
    """

    def __init__(self, producer: AIOKafkaProducer, timeout_seconds: float) -> None:
        self._producer = producer
        self._timeout_seconds = timeout_seconds
        self._phase = _Phase.IDLE

    @property
    def usable(self) -> bool:
        """Whether another transaction may be begun."""
        return self._phase is _Phase.IDLE

    async def begin(self) -> None:
        """Begin a transaction. Raises TransientError."""
        async with self._step("begin a transaction", _Phase.IDLE, _Phase.OPEN):
            await self._producer.begin_transaction()

    async def send(self, records: Sequence[OutgoingRecord], doing: str) -> list[int]:
        """Send the records, those of one partition in their order; each was acknowledged when this returns.

        ``doing`` completes "could not ...". Returns the first offset of each batch, -1 where Kafka has forgotten it.
        Raises OwnershipLostError when another producer of the id was started; MisconfiguredError for a missing topic
        or partition, a missing right, a record that its topic does not accept; TransientError.
        """
        async with self._step(doing, _Phase.OPEN, _Phase.OPEN):
            return await self._deliver(records)

    async def send_probe(self, topic: str, partition: int, doing: str) -> int:
        """Send a record without meaning; returns its offset. What earlier producers of the id wrote lies before it.

        Raises as ``send``.
        """
        (offset,) = await self.send([OutgoingRecord(topic, PROBE_KEY, b"", partition=partition)], doing)
        if offset < 0:
            # Kafka had the probe already from a request whose answer was lost, and has forgotten where.
            raise TransientError(f"could not {doing}: Kafka did not tell its offset")
        return offset

    async def commit(self, doing: str) -> None:
        """Commit the transaction. Raises OwnershipLostError, TransientError: it may be committed all the same.

        aiokafka repeats a commit whose answer it did not get, in time or at all, under the same epoch; the first copy
        may still be under way then, and would end the producer's next transaction instead. Such a repetition takes
        another connection, since a request that times out closes its own: this producer has done its last transaction.
        """
        connections = self._coordinator_connections()
        async with self._step(doing, _Phase.OPEN, _Phase.IDLE):
            await self._producer.commit_transaction()
        if self._coordinator_connections() != connections:
            self._phase = _Phase.SPENT

    async def close(self) -> None:
        """Let go of the connections, within a few seconds; an open transaction is left to be aborted."""
        self._phase = _Phase.SPENT
        await discard_producer(self._producer)

    @asynccontextmanager
    async def _step(self, doing: str, before: _Phase, after: _Phase) -> AsyncIterator[None]:
        if self._phase is not before:
            raise TransientError(f"could not {doing}: this producer is {self._phase.name.lower()}; start another")
        self._phase = _Phase.SPENT
        async with within(self._timeout_seconds, doing, "Write"):
            yield
        self._phase = after

    def _coordinator_connections(self) -> list[AIOKafkaConnection]:
        """Those that commits are sent on."""
        known = self._producer.client._conns.items()  # noqa: SLF001 - aiokafka tells nobody of a reconnection
        return [connection for (_, group), connection in known if group is ConnectionGroup.COORDINATION]

    async def _deliver(self, records: Sequence[OutgoingRecord]) -> list[int]:
        deliveries: list[asyncio.Future[Any]] = []
        for topic, partition, batch in await batches_of(self._producer, records):
            delivery = await self._producer.send_batch(batch, topic, partition=partition)
            # Where an error or the deadline cuts this short, nobody else looks at it.
            delivery.add_done_callback(look_at)
            deliveries.append(delivery)
        # aiokafka's commit takes no notice of a batch that failed: the transaction would lack its records.
        # Not gather: it would cancel what aiokafka shields, and asyncio then complain of the errors underneath.
        done, _ = await asyncio.wait(deliveries, return_when=asyncio.FIRST_EXCEPTION)
        for delivery in done:
            delivery.result()
        return [delivery.result().offset for delivery in deliveries]


async def start_transactional(
    connection: KafkaConnection, transactional_id: str, doing: str, batch_bytes: int = BATCH_BYTES
) -> TransactionalProducer:
    """A new producer; when it is returned, every earlier one of the id is fenced.

    What an earlier one left open is aborted, what it had begun to commit is completed. ``doing`` completes "could not
    ...". ``batch_bytes``: how large batches may become before compression, so that every topic takes them. Raises
    TransientError, MisconfiguredError.
    """
    producer = AIOKafkaProducer(
        **connection.arguments(),
        transactional_id=transactional_id,
        acks="all",
        transaction_timeout_ms=_TRANSACTION_TIMEOUT_MS,
        max_batch_size=min(BATCH_BYTES, batch_bytes),
        compression_type="zstd",
        linger_ms=0,
        retry_backoff_ms=_RETRY_BACKOFF_MS,
    )
    try:
        async with within(connection.timeout_seconds, doing, "Write"):
            await start_client(producer, connection)
    except BaseException:
        await discard_producer(producer)
        raise
    return TransactionalProducer(producer, connection.timeout_seconds)
