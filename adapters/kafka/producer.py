"""Publishing one shard's entries exactly once: a transactional producer whose id belongs to the shard."""

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
from adapters.kafka.deadline import within
from adapters.kafka.discard import discard_producer
from adapters.kafka.markers import PROBE_KEY, marker_key, marker_value, read_marker
from domain.errors import TransientError
from domain.records import OutgoingRecord

# An open transaction of a dead worker holds up every read_committed reader of the topics it wrote to for so long.
_TRANSACTION_TIMEOUT_MS = 15_000
# Kafka answers "concurrent transactions" for a moment after each commit: the client's 100 ms would be most of the time.
_RETRY_BACKOFF_MS = 20


class _Phase(Enum):
    IDLE = auto()
    OPEN = auto()
    SPENT = auto()


class KafkaShardProducer:
    """One shard's producer, started by ``KafkaProducers``. For use by one task at a time.

    Any error and any cancellation leaves it spent: what was under way may still reach Kafka, and only a new producer
    can rule that out.
    """

    def __init__(
        self,
        producer: AIOKafkaProducer,
        shard: int,
        progress_topic: str,
        timeout_seconds: float,
    ) -> None:
        self._producer = producer
        self._shard = shard
        self._progress_topic = progress_topic
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

    async def send(self, sequence: int, records: Sequence[OutgoingRecord]) -> None:
        """Send the records and the marker ``sequence``; when this returns, each of them was acknowledged.

        Raises OwnershipLostError when a newer producer of the shard was started; MisconfiguredError for a missing
        topic or partition, a missing right, a record that its topic does not accept; TransientError.
        """
        marker = self._to_progress(marker_key(self._shard), marker_value(sequence))
        async with self._step(f"send sequence {sequence} of shard {self._shard}", _Phase.OPEN, _Phase.OPEN):
            await self._deliver([*records, marker])

    async def send_probe(self) -> int:
        """Send a record without meaning to the shard's progress partition; returns its offset. Raises as ``send``."""
        async with self._step(f"send a probe for shard {self._shard}", _Phase.OPEN, _Phase.OPEN):
            (offset,) = await self._deliver([self._to_progress(PROBE_KEY, b"")])
            if offset < 0:
                # Kafka had the probe already from a request whose answer was lost, and has forgotten where.
                raise TransientError(f"Kafka did not tell the offset of the probe of shard {self._shard}")
        return offset

    async def commit(self) -> None:
        """Commit the transaction. Raises OwnershipLostError, TransientError: it may be committed all the same.

        aiokafka repeats a commit whose answer it did not get, in time or at all, under the same epoch; the first copy
        may still be under way then, and would end the producer's next transaction instead. Such a repetition takes
        another connection, since a request that times out closes its own: this producer has done its last transaction.
        """
        connections = self._coordinator_connections()
        async with self._step(f"commit a transaction of shard {self._shard}", _Phase.OPEN, _Phase.IDLE):
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
        async with within(self._timeout_seconds, doing):
            yield
        self._phase = after

    def _coordinator_connections(self) -> list[AIOKafkaConnection]:
        """Those that commits are sent on."""
        known = self._producer.client._conns.items()  # noqa: SLF001 - aiokafka tells nobody of a reconnection
        return [connection for (_, group), connection in known if group is ConnectionGroup.COORDINATION]

    def _to_progress(self, key: bytes, value: bytes) -> OutgoingRecord:
        return OutgoingRecord(self._progress_topic, key, value, partition=self._shard)

    async def _deliver(self, records: Sequence[OutgoingRecord]) -> list[int]:
        """Send the records, those of one partition in their order; returns the first offset of each batch."""
        deliveries: list[asyncio.Future[Any]] = []
        for topic, partition, batch in await batches_of(self._producer, records):
            delivery = await self._producer.send_batch(batch, topic, partition=partition)
            # Where an error or the deadline cuts this short, nobody else looks at it.
            delivery.add_done_callback(_look_at)
            deliveries.append(delivery)
        # aiokafka's commit takes no notice of a batch that failed: the transaction would lack its records.
        # Not gather: it would cancel what aiokafka shields, and asyncio then complain of the errors underneath.
        done, _ = await asyncio.wait(deliveries, return_when=asyncio.FIRST_EXCEPTION)
        for delivery in done:
            delivery.result()
        return [delivery.result().offset for delivery in deliveries]


def _look_at(delivery: asyncio.Future[Any]) -> None:
    if not delivery.cancelled():
        delivery.exception()


class KafkaProducers:
    """Makes the producers of a group's shards, and reads the markers they wrote."""

    def __init__(self, connection: KafkaConnection, group: str, progress_topic: str) -> None:
        self._connection = connection
        self._group = group
        self._progress_topic = progress_topic

    async def start(self, shard: int) -> KafkaShardProducer:
        """A new producer for the shard; when it is returned, every earlier one of the shard is fenced.

        What an earlier one left open is aborted, what it had begun to commit is completed. Raises TransientError,
        MisconfiguredError.
        """
        producer = AIOKafkaProducer(
            **self._connection.arguments(),
            transactional_id=f"{self._group}-{shard}",
            acks="all",
            transaction_timeout_ms=_TRANSACTION_TIMEOUT_MS,
            max_batch_size=BATCH_BYTES,
            compression_type="lz4",
            linger_ms=0,
            retry_backoff_ms=_RETRY_BACKOFF_MS,
        )
        timeout_seconds = self._connection.timeout_seconds
        try:
            async with within(timeout_seconds, f"start the producer of shard {shard}"):
                await producer.start()
        except BaseException:
            await discard_producer(producer)
            raise
        return KafkaShardProducer(producer, shard, self._progress_topic, timeout_seconds)

    async def marker(self, shard: int, probe: int) -> int:
        """The last marker of the shard before the probe's offset; see ``read_marker``."""
        return await read_marker(self._connection, self._progress_topic, shard, probe)
