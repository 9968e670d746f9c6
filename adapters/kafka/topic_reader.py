"""A whole topic, read by the commands: without a group, committed records only."""

from collections.abc import AsyncGenerator, Mapping
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.deadline import persistently, within
from adapters.kafka.discard import stop_consumer
from adapters.kafka.metadata import client_of, partition_count
from adapters.kafka.starting import start_client
from domain.errors import TransientError
from domain.records import InputRecord

_MOST_RECORDS = 5_000
_POLL_SECONDS = 0.2


class TopicReader:
    """All partitions of one topic. To be used as an asynchronous context, by one task at a time.

    Reading starts at the beginning, or where ``seek`` says. A position that retention has overtaken moves to the
    beginning. Partitions that are added later are read from their beginning, within half a minute.
    """

    def __init__(self, connection: KafkaConnection, topic: str) -> None:
        self._connection = connection
        self._topic = topic
        self._positions: dict[TopicPartition, int] = {}
        self._consumer = AIOKafkaConsumer(
            **connection.arguments(),
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )

    async def __aenter__(self) -> Self:
        """Connect. Raises TransientError; MisconfiguredError when the topic is missing."""
        try:
            async with within(self._connection.timeout_seconds, f"read {self._topic}", "Read"):
                await start_client(self._consumer, self._connection)
                count = await persistently(lambda: partition_count(client_of(self._consumer), self._topic))
                await self._assign(count)
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def ends(self) -> dict[int, int]:
        """By partition, the last stable offset: every committed record lies below it. Raises TransientError."""
        async with within(self._connection.timeout_seconds, f"find the end of {self._topic}"):
            offsets = await persistently(lambda: self._consumer.end_offsets(list(self._positions)))
        return {tp.partition: offset for tp, offset in offsets.items()}

    def seek(self, positions: Mapping[int, int]) -> None:
        """Go on reading at these positions, by partition; the other partitions stay where they are."""
        for partition, position in positions.items():
            tp = TopicPartition(self._topic, partition)
            self._consumer.seek(tp, position)
            self._positions[tp] = position

    async def poll(self, timeout_seconds: float = _POLL_SECONDS) -> list[InputRecord]:
        """The next records, in order within each partition, or none after the timeout. Raises TransientError."""
        async with within(self._connection.timeout_seconds + timeout_seconds, f"read {self._topic}", "Read"):
            known = self._consumer.partitions_for_topic(self._topic) or ()
            if len(known) > len(self._positions):
                await self._assign(len(known))
            found = await self._consumer.getmany(
                *self._positions, timeout_ms=round(timeout_seconds * 1_000), max_records=_MOST_RECORDS
            )
            for tp in self._positions:
                self._positions[tp] = await self._consumer.position(tp)
        return [InputRecord.of(tp.topic, tp.partition, record) for tp, records in found.items() for record in records]

    async def read_to(self, ends: Mapping[int, int]) -> AsyncGenerator[InputRecord, None]:
        """The records below these offsets, by partition, as ``ends`` gave them; then it is over.

        Raises TransientError, also when nothing moves for as long as a call may take.
        """
        idle = 0.0
        while any(self._positions[TopicPartition(self._topic, partition)] < end for partition, end in ends.items()):
            before = dict(self._positions)
            for record in await self.poll():
                if record.offset < ends.get(record.partition, 0):
                    yield record
            idle = idle + _POLL_SECONDS if self._positions == before else 0.0
            if idle > self._connection.timeout_seconds:
                raise TransientError(f"could not read {self._topic} to its end: nothing comes")

    async def follow(self) -> AsyncGenerator[InputRecord, None]:
        """The records, for ever. Raises TransientError."""
        while True:
            for record in await self.poll():
                yield record

    async def _assign(self, partitions: int) -> None:
        """Read so many partitions, the known ones from where they are, the others from the beginning."""
        tps = [TopicPartition(self._topic, number) for number in range(partitions)]
        added = [tp for tp in tps if tp not in self._positions]
        beginnings = await persistently(lambda: self._consumer.beginning_offsets(added))
        self._positions |= {tp: beginnings[tp] for tp in added}
        self._consumer.assign(tps)
        for tp, position in self._positions.items():
            self._consumer.seek(tp, position)

    async def _stop(self) -> None:
        await stop_consumer(self._consumer, self._connection.timeout_seconds)
