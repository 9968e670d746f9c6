"""The tick topic: ``TickStream`` without a group."""

import asyncio

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.deadline import persistently, within
from adapters.kafka.discard import stop_consumer
from adapters.kafka.lenient import fetch_leniently
from adapters.kafka.metadata import client_of, partition_count
from adapters.kafka.starting import start_client
from domain.errors import MisconfiguredError
from domain.records import RecordBatch

_MOST_RECORDS = 1_000


class KafkaTickStream:
    """Reads the topic's only partition, committed records only. For use by one task at a time."""

    def __init__(self, connection: KafkaConnection, topic: str) -> None:
        self._connection = connection
        self._topic = topic
        self._tp = TopicPartition(topic, 0)
        # Where the next read starts, as far as the client is concerned; None makes the next poll seek.
        self._position: int | None = None
        self._consumer = _consumer(connection)
        # Asks for offsets on connections of its own: a broker answers the requests of one connection in their order,
        # and a fetch that waits for ticks takes up to half a second.
        self._asking = _consumer(connection)

    async def start(self) -> None:
        """Connect. Raises TransientError; MisconfiguredError when the topic is missing or has several partitions."""
        try:
            async with within(self._connection.timeout_seconds, f"read {self._topic}", "Read"):
                await start_client(self._consumer, self._connection)
                await start_client(self._asking, self._connection)
                await self._check_partitions()
        except BaseException:
            await self.stop()
            raise
        self._consumer.assign([self._tp])
        # Nothing before the first poll; and never without a position, for the reason that activity.py tells.
        self._consumer.pause(self._tp)
        self._consumer.seek(self._tp, 0)

    async def _check_partitions(self) -> None:
        client = client_of(self._asking)
        partitions = await persistently(lambda: partition_count(client, self._topic))
        if partitions != 1:
            raise MisconfiguredError(
                f"the tick topic {self._topic!r} has {partitions} partitions and must have exactly 1, since ticks in"
                " several have no order: recreate it"
            )

    async def poll(self, position: int, timeout_seconds: float) -> RecordBatch:
        """Records from ``position`` on, at most 1,000; see the port. Raises TransientError.

        A position that is not in the log reads as an empty topic: compare it with ``beginning`` and ``end``.
        """
        if position != self._position:
            self._consumer.seek(self._tp, position)
            self._consumer.resume(self._tp)
        self._position = None
        async with within(self._connection.timeout_seconds + timeout_seconds, f"read {self._topic}", "Read"):
            records, next_position = await self._read(position, timeout_seconds)
        self._position = next_position
        return RecordBatch(self._topic, 0, position, next_position, tuple(records))

    async def _read(self, position: int, timeout_seconds: float) -> tuple[list[ConsumerRecord], int]:
        try:
            found = await self._consumer.getmany(
                self._tp, timeout_ms=round(timeout_seconds * 1_000), max_records=_MOST_RECORDS
            )
        except OffsetOutOfRangeError:
            # The answer came at once; a caller that polls in a loop must not turn into a storm of requests.
            await asyncio.sleep(timeout_seconds)
            return [], position
        except UnicodeDecodeError:
            records, next_position = await fetch_leniently(self._consumer, self._tp, position)
            self._consumer.seek(self._tp, next_position)
            return records, next_position
        return found.get(self._tp, []), await self._consumer.position(self._tp)

    async def beginning(self) -> int:
        """The lowest offset that can still be read. Raises TransientError."""
        async with within(self._connection.timeout_seconds, f"find the beginning of {self._topic}"):
            offsets = await persistently(lambda: self._asking.beginning_offsets([self._tp]))
        return int(offsets[self._tp])

    async def end(self) -> int:
        """The last stable offset: every committed tick lies below it. Raises TransientError."""
        async with within(self._connection.timeout_seconds, f"find the end of {self._topic}"):
            offsets = await persistently(lambda: self._asking.end_offsets([self._tp]))
        return int(offsets[self._tp])

    async def stop(self) -> None:
        """Let go of the connections. May be called at any time, and again."""
        for consumer in (self._consumer, self._asking):
            await stop_consumer(consumer, self._connection.timeout_seconds)


def _consumer(connection: KafkaConnection) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        **connection.arguments(),
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="none",
    )
