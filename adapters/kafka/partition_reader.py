"""A topic read partition after partition, as lists are: committed records only, in an order that is always the same."""

from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.deadline import persistently, within
from adapters.kafka.discard import stop_consumer
from adapters.kafka.inspection import Extent
from adapters.kafka.lenient import fetch_leniently
from adapters.kafka.metadata import client_of, partition_count
from adapters.kafka.starting import start_client
from domain.errors import TransientError
from domain.records import InputRecord

_MOST_RECORDS = 5_000
_POLL_SECONDS = 0.2


class PartitionReader:
    """One partition of the topic at a time. To be used as an asynchronous context, by one task at a time.

    Records whose header names are not UTF-8 are read too, with U+FFFD for what is wrong.
    """

    def __init__(self, connection: KafkaConnection, topic: str) -> None:
        self.topic = topic
        self._connection = connection
        self._consumer = AIOKafkaConsumer(
            **connection.arguments(),
            isolation_level="read_committed",
            enable_auto_commit=False,
            # Where retention has taken the position away, reading goes on with what is left.
            auto_offset_reset="earliest",
        )
        self._partitions = 0

    async def __aenter__(self) -> Self:
        """Connect. Raises TransientError; MisconfiguredError when the topic is missing."""
        try:
            async with within(self._connection.timeout_seconds, f"read {self.topic}", "Read"):
                await start_client(self._consumer, self._connection)
                self._partitions = await persistently(lambda: partition_count(client_of(self._consumer), self.topic))
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def extents(self) -> dict[int, Extent]:
        """By partition, what can be read: ``end`` is the last stable offset. Raises TransientError."""
        tps = [TopicPartition(self.topic, number) for number in range(self._partitions)]
        async with within(self._connection.timeout_seconds, f"find out how far {self.topic} reaches"):
            beginnings = await persistently(lambda: self._consumer.beginning_offsets(tps))
            ends = await persistently(lambda: self._consumer.end_offsets(tps))
        return {tp.partition: Extent(beginnings[tp], ends[tp]) for tp in tps}

    async def read(self, partition: int, extent: Extent) -> AsyncGenerator[InputRecord, None]:
        """The committed records within the extent; waits until a read_committed position has passed its end.

        Raises TransientError, also when nothing moves for as long as a call may take.
        """
        tp = TopicPartition(self.topic, partition)
        self._consumer.assign([tp])
        self._consumer.seek(tp, extent.beginning)
        position, idle = extent.beginning, 0.0
        while position < extent.end:
            records, reached = await self._poll(tp, position)
            for record in records:
                if record.offset < extent.end:
                    yield InputRecord.of(self.topic, partition, record)
            idle = idle + _POLL_SECONDS if reached == position else 0.0
            if idle > self._connection.timeout_seconds:
                raise TransientError(f"could not read {self.topic} to its end: nothing comes")
            position = reached

    async def _poll(self, tp: TopicPartition, position: int) -> tuple[list[ConsumerRecord], int]:
        """What comes next, and where reading goes on."""
        async with within(self._connection.timeout_seconds + _POLL_SECONDS, f"read {self.topic}", "Read"):
            try:
                found = await self._consumer.getmany(
                    tp, timeout_ms=round(_POLL_SECONDS * 1_000), max_records=_MOST_RECORDS
                )
            except UnicodeDecodeError:
                records, reached = await fetch_leniently(self._consumer, tp, position)
                self._consumer.seek(tp, reached)
                return records, reached
            return found.get(tp, []), await self._consumer.position(tp)

    async def _stop(self) -> None:
        await stop_consumer(self._consumer, self._connection.timeout_seconds)
