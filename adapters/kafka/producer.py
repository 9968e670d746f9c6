"""Publishing one shard's entries exactly once: a transactional producer whose id belongs to the shard."""

from collections.abc import Sequence

from adapters.kafka.batches import BATCH_BYTES
from adapters.kafka.connection import KafkaConnection
from adapters.kafka.markers import marker_key, marker_value, read_marker
from adapters.kafka.transactions import TransactionalProducer, start_transactional
from domain.records import OutgoingRecord


class KafkaShardProducer:
    """One shard's producer, started by ``KafkaProducers``. For use by one task at a time.

    Any error and any cancellation leaves it spent: what was under way may still reach Kafka, and only a new producer
    can rule that out.
    """

    def __init__(self, producer: TransactionalProducer, shard: int, progress_topic: str) -> None:
        self._producer = producer
        self._shard = shard
        self._progress_topic = progress_topic

    @property
    def usable(self) -> bool:
        """Whether another transaction may be begun."""
        return self._producer.usable

    async def begin(self) -> None:
        """Begin a transaction. Raises TransientError."""
        await self._producer.begin()

    async def send(self, sequence: int, records: Sequence[OutgoingRecord]) -> None:
        """Send the records and the marker ``sequence``; when this returns, each of them was acknowledged.

        Raises OwnershipLostError when a newer producer of the shard was started; MisconfiguredError for a missing
        topic or partition, a missing right, a record that its topic does not accept; TransientError.
        """
        key, value = marker_key(self._shard), marker_value(sequence)
        marker = OutgoingRecord(self._progress_topic, key, value, partition=self._shard)
        await self._producer.send([*records, marker], f"send sequence {sequence} of shard {self._shard}")

    async def send_probe(self) -> int:
        """Send a record without meaning to the shard's progress partition; returns its offset. Raises as ``send``."""
        return await self._producer.send_probe(
            self._progress_topic, self._shard, f"send a probe for shard {self._shard}"
        )

    async def commit(self) -> None:
        """Commit the transaction. Raises OwnershipLostError, TransientError: it may be committed all the same."""
        await self._producer.commit(f"commit a transaction of shard {self._shard}")

    async def close(self) -> None:
        """Let go of the connections, within a few seconds; an open transaction is left to be aborted."""
        await self._producer.close()


class KafkaProducers:
    """Makes the producers of a group's shards, and reads the markers they wrote."""

    def __init__(
        self, connection: KafkaConnection, group: str, progress_topic: str, batch_bytes: int = BATCH_BYTES
    ) -> None:
        """``batch_bytes``: how large batches may become before compression, so that every topic takes them."""
        self._connection = connection
        self._group = group
        self._progress_topic = progress_topic
        self._batch_bytes = batch_bytes

    async def start(self, shard: int) -> KafkaShardProducer:
        """A new producer for the shard; when it is returned, every earlier one of the shard is fenced.

        What an earlier one left open is aborted, what it had begun to commit is completed. Raises TransientError,
        MisconfiguredError.
        """
        producer = await start_transactional(
            self._connection, f"{self._group}-{shard}", f"start the producer of shard {shard}", self._batch_bytes
        )
        return KafkaShardProducer(producer, shard, self._progress_topic)

    async def marker(self, shard: int, probe: int) -> int:
        """The last marker of the shard before the probe's offset; see ``read_marker``."""
        return await read_marker(self._connection, self._progress_topic, shard, probe)
