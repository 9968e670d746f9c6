"""How far a shard has published: the last marker before a probe in its partition of the progress topic."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.deadline import persistently, within
from adapters.kafka.discard import stop_consumer
from adapters.kafka.starting import start_client
from domain.errors import MarkerUnreadableError

PROBE_KEY = b"probe"
# The last marker mostly lies a few offsets before the probe: each transaction takes two, marker and Kafka's own.
_FIRST_WINDOW = 64
_POLL_MS = 200


def marker_key(shard: int) -> bytes:
    """The key of a shard's markers."""
    return str(shard).encode()


def marker_value(sequence: int) -> bytes:
    """The value of the marker that says "published up to this sequence"."""
    return str(sequence).encode()


async def read_marker(connection: KafkaConnection, topic: str, shard: int, probe: int) -> int:
    """The sequence of the last marker before the probe's offset, 0 without any.

    Waits until all up to the probe is decided, that is until a read_committed position has passed it: the end that a
    broker tells could come from a stale leader. Raises TransientError when that takes longer than the connection's
    timeout, MarkerUnreadableError when the last marker holds no number.
    """
    tp = TopicPartition(topic, shard)
    async with (
        within(connection.timeout_seconds, f"read the marker of shard {shard} from {tp.topic}-{tp.partition}", "Read"),
        _reader(connection, tp) as consumer,
    ):
        beginning = (await persistently(lambda: consumer.beginning_offsets([tp])))[tp]
        # [start, stop) runs backwards in doubling windows; the first one ends behind the probe.
        stop, size = probe + 1, _FIRST_WINDOW
        while stop > beginning:
            start = max(beginning, stop - size)
            last = await _last_marker(consumer, tp, start, stop)
            if last is not None:
                return _sequence(shard, last)
            stop, size = start, size * 2
    return 0


async def _last_marker(consumer: AIOKafkaConsumer, tp: TopicPartition, start: int, stop: int) -> ConsumerRecord | None:
    """The last marker in [start, stop)."""
    key = marker_key(tp.partition)
    last = None
    consumer.seek(tp, start)
    while await consumer.position(tp) < stop:
        for record in (await consumer.getmany(tp, timeout_ms=_POLL_MS)).get(tp, []):
            if record.key == key and record.offset < stop:
                last = record
    return last


def _sequence(shard: int, record: ConsumerRecord) -> int:
    value = record.value or b""
    # bytes.isdigit knows ASCII digits only: no sign, no space, nothing else that int() would take.
    if not value.isdigit():
        raise MarkerUnreadableError(shard, record.offset)
    return int(value)


@asynccontextmanager
async def _reader(connection: KafkaConnection, tp: TopicPartition) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        **connection.arguments(),
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="none",
    )
    try:
        await start_client(consumer, connection)
        consumer.assign([tp])
        yield consumer
    finally:
        await stop_consumer(consumer, connection.timeout_seconds)
