"""Reading what aiokafka refuses to read: records whose header keys are not UTF-8.

Kafka stores such records, and aiokafka fails on the whole fetch, again and again: one of them would stop its
partition for ever. Here the offending bytes of the key become U+FFFD, as they do in Kafka's own Java client.
"""

from typing import Any, SupportsIndex

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.errors import LeaderNotAvailableError, NoError, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy

from adapters.kafka.metadata import client_of

# This way of reading is slow (pure Python), so it reads little: Kafka returns at least one batch anyway.
_FETCH_BYTES = 64 * 1024
_FETCH_WAIT_MS = 100


async def fetch_leniently(
    consumer: AIOKafkaConsumer, tp: TopicPartition, position: int
) -> tuple[list[ConsumerRecord], int]:
    """The next committed records of the partition, and where reading goes on. Raises aiokafka's errors."""
    client = client_of(consumer)
    leader = client.cluster.leader_for_partition(tp)
    if leader in (None, -1):
        raise LeaderNotAvailableError(tp)
    partition = (tp.partition, position, _FETCH_BYTES)
    request = FetchRequest(_FETCH_WAIT_MS, 1, _FETCH_BYTES, READ_COMMITTED, [(tp.topic, [partition])])
    response = await client.send(leader, request)
    ((_, ((_, error_code, _, *details),)),) = response.topics
    error = for_code(error_code)
    if error is not NoError:
        raise error({tp: position})
    # From version 11 on a preferred replica stands between the aborted transactions and the records.
    aborted = details[2] if response.API_VERSION >= 11 else details[-2]
    records = PartitionRecords(
        tp,
        _LenientRecords(details[-1]),
        aborted,
        fetch_offset=position,
        key_deserializer=None,
        value_deserializer=None,
        check_crcs=True,
        isolation_level=READ_COMMITTED,
    )
    return list(records), records.next_fetch_offset


class _LenientRecords(_MemoryRecordsPy):  # type: ignore[misc]  # aiokafka has no types
    def next_batch(self) -> "_LenientBatch":
        batch = _LenientBatch(self._next_slice)
        self._cache_next()
        return batch


class _LenientBatch(_DefaultRecordBatchPy):  # type: ignore[misc]  # aiokafka has no types
    _buffer: bytearray

    def _read_msg(self) -> Any:
        try:
            return super()._read_msg()
        except UnicodeDecodeError:
            # The failed attempt has not moved on, so the same record is read again.
            self._buffer = _LenientBytes(self._buffer)
            return super()._read_msg()


class _LenientBytes(bytearray):
    """Bytes whose parts always decode."""

    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        part = super().__getitem__(index)
        return _LenientBytes(part) if isinstance(part, bytearray) else part

    def decode(self, encoding: str = "utf-8", _errors: str = "strict") -> str:
        return super().decode(encoding, "replace")
