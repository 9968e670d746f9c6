"""Replaying dead letters once each: which were replayed stands in Kafka, written in the transaction that replays them.

The *mark* of a dead letter says where it lies in the dead-letter topic, and what it is: a topic that was recreated
counts its offsets anew. Marks lie in partition 0 of the progress topic, which is compacted and so never forgets: for
each transaction one record that lists the marks of its letters, keyed by the first of them, since a letter is replayed
in one committed transaction only. A record for each letter would make shard 0 search for its own marker, which it must
find in seconds, among as many records as were ever replayed since.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from types import TracebackType
from typing import Self

from adapters.kafka.batches import BATCH_BYTES
from adapters.kafka.connection import KafkaConnection
from adapters.kafka.inspection import Extent
from adapters.kafka.partition_reader import PartitionReader
from adapters.kafka.transactions import TransactionalProducer, start_transactional
from domain.errors import TransientError
from domain.records import InputRecord, OutgoingRecord

_PREFIX = b"replayed-"
_PARTITION = 0
# A new producer whose probe took a second connection can't be used; many in a row are an outage.
_ATTEMPTS = 5

Marks = Mapping[bytes, int]
"""The marks of the replayed letters, each with the time of the replay in milliseconds since 1970."""


def mark_of(stored: InputRecord) -> bytes:
    """The mark of the dead letter that is stored so: partition, offset, and a digest of all that it is."""
    parts = [stored.topic.encode(), b"%d" % stored.timestamp, stored.key, stored.value]
    for name, value in stored.headers:
        parts += (name.encode(), value)
    # With the length before it, no part can be taken for another; -1 is Kafka's null.
    whole = b"".join(b"-1:" if part is None else b"%d:%b" % (len(part), part) for part in parts)
    digest = blake2b(whole, digest_size=8).hexdigest().encode()
    return b"%d-%d-%b" % (stored.partition, stored.offset, digest)


async def read_marks(connection: KafkaConnection, progress_topic: str, end: int | None = None) -> dict[bytes, int]:
    """The marks below this offset, or below the present end. Raises TransientError, MisconfiguredError."""
    marks: dict[bytes, int] = {}
    async with PartitionReader(connection, progress_topic) as reader:
        extent = (await reader.extents())[_PARTITION]
        async for record in reader.read(_PARTITION, Extent(extent.beginning, extent.end if end is None else end)):
            if (record.key or b"").startswith(_PREFIX):
                marks.update(dict.fromkeys((record.value or b"").split(b"\n"), record.timestamp))
    return marks


class KafkaReplay:
    """The one replay of a deployment that can commit: entering the context ends every other's.

    To be used as an asynchronous context, by one task at a time. After an error nobody knows whether the last
    transaction was committed; the next replay finds out.
    """

    def __init__(
        self, connection: KafkaConnection, group: str, progress_topic: str, batch_bytes: int = BATCH_BYTES
    ) -> None:
        """``batch_bytes``: how large batches may become before compression, so that the input topics take them."""
        self._connection = connection
        self._batch_bytes = batch_bytes
        self._transactional_id = f"{group}-dlq-replay"
        self._progress_topic = progress_topic
        self._producer: TransactionalProducer | None = None
        self.replayed: Marks = {}
        """The marks as of the last start; what this replay commits itself is not among them."""

    async def __aenter__(self) -> Self:
        """Start a producer. Raises as ``start_if_needed``."""
        try:
            await self.start_if_needed()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def start_if_needed(self) -> None:
        """Have a producer with which a transaction may be begun; ``replayed`` may have grown.

        All marks of earlier replays lie below the probe: nobody else can commit any from the start on. Raises
        OwnershipLostError when another replay starts at the same time; TransientError, MisconfiguredError.
        """
        for _ in range(_ATTEMPTS):
            if self._producer is not None and self._producer.usable:
                return
            await self._start()
        raise TransientError("could not start the producer of replays: its connections don't last")

    async def send(self, records: Mapping[bytes, OutgoingRecord]) -> None:
        """Begin a transaction with the records, by the marks of their letters; when this returns, it is acknowledged.

        Raises OwnershipLostError when another replay was started; TransientError; MisconfiguredError for what a topic
        does not accept.
        """
        producer = self._started()
        await producer.begin()
        doing = f"send {len(records)} dead letters back"
        await producer.send([*records.values(), _marks_record(self._progress_topic, list(records))], doing)

    async def commit(self) -> None:
        """Commit it. Raises OwnershipLostError, TransientError."""
        await self._started().commit("commit a replay")

    async def _start(self) -> None:
        await self._close()
        doing = "start the producer of replays"
        self._producer = await start_transactional(self._connection, self._transactional_id, doing, self._batch_bytes)
        probe = await self._commit_probe(self._producer)
        self.replayed = await read_marks(self._connection, self._progress_topic, probe + 1)

    async def _commit_probe(self, producer: TransactionalProducer) -> int:
        await producer.begin()
        offset = await producer.send_probe(self._progress_topic, _PARTITION, "send the probe of a replay")
        await producer.commit("commit the probe of a replay")
        return offset

    def _started(self) -> TransactionalProducer:
        if self._producer is None:
            raise TransientError("could not replay: the producer is closed")
        return self._producer

    async def _close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.close()


def _marks_record(progress_topic: str, marks: Sequence[bytes]) -> OutgoingRecord:
    return OutgoingRecord(progress_topic, _PREFIX + marks[0], b"\n".join(marks), partition=_PARTITION)
