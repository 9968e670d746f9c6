"""The live reader of a soak: what a read_committed consumer sees of the output topics, and when."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from adapters.kafka.discard import stop_consumer
from tests.fault.soak.checker.history import CycleSeen, Poll, Recorder, digest_of

_POLL_MS = 100
_REQUEST_MS = 5_000
_PAUSE_SECONDS = 0.5
# A reader that has seen nothing for so long while something was due makes a new start.
_STALLED_SECONDS = 20.0


class Watcher:
    """Reads all partitions of the topics from their beginning on.

    A life of its consumer that fails is followed by another one, from where that one was.
    """

    def __init__(self, bootstrap_servers: str, topics: Iterable[str], cycle_topic: str, recorder: Recorder) -> None:
        self.seen: dict[str, float] = {}
        """When each cycle was first seen, by tick id."""
        self.read: dict[str, int] = dict.fromkeys(topics, 0)
        """How many records of each topic."""
        self.lives = 0
        self._servers = bootstrap_servers
        self._cycle_topic = cycle_topic
        self._recorder = recorder
        self._positions: dict[TopicPartition, int] = {}
        self._news = asyncio.Condition()

    async def wait_for_cycle(self, tick_id: str) -> float:
        """When the cycle was seen."""
        async with self._news:
            await self._news.wait_for(lambda: tick_id in self.seen)
        return self.seen[tick_id]

    async def wait_for_end(self, ends: dict[TopicPartition, int]) -> None:
        """Wait until each partition was read up to there (a last stable offset; markers of transactions count)."""
        async with self._news:
            await self._news.wait_for(lambda: all(self._positions.get(tp, 0) >= end for tp, end in ends.items()))

    async def run(self) -> None:
        """Never returns."""
        while True:
            self.lives += 1
            with suppress(KafkaError, TimeoutError, OSError):
                await self._live(f"reader {self.lives}")
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _live(self, name: str) -> None:
        async with _consumer(self._servers, self.read) as consumer:
            partitions = sorted(consumer.assignment())
            for tp in partitions:
                consumer.seek(tp, self._positions.get(tp, 0))
            while True:
                await self._poll(name, consumer, partitions)

    async def _poll(self, name: str, consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> None:
        async with asyncio.timeout(_STALLED_SECONDS):
            found = await consumer.getmany(timeout_ms=_POLL_MS)
        now = time.monotonic()
        for tp, records in found.items():
            digests = tuple((record.offset, digest_of(record.key, record.value)) for record in records)
            self._recorder.note(Poll(name, now, tp.topic, tp.partition, digests))
            self.read[tp.topic] += len(records)
            if tp.topic == self._cycle_topic:
                for record in records:
                    self._note_cycle(json.loads(record.value), now)
        moved = False
        for tp in partitions:
            position = await consumer.position(tp)
            moved = moved or position != self._positions.get(tp)
            self._positions[tp] = position
        if moved:
            async with self._news:
                self._news.notify_all()

    def _note_cycle(self, cycle: dict[str, str], now: float) -> None:
        self.seen.setdefault(cycle["tick_id"], now)
        self._recorder.note(CycleSeen(cycle["at"], now))


@asynccontextmanager
async def _consumer(servers: str, topics: Iterable[str]) -> AsyncIterator[AIOKafkaConsumer]:
    """Of all partitions, without a group."""
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=servers,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        request_timeout_ms=_REQUEST_MS,
        metadata_max_age_ms=5_000,
        fetch_max_wait_ms=_POLL_MS,
    )
    try:
        async with asyncio.timeout(_STALLED_SECONDS):
            await consumer.start()
        yield consumer
    finally:
        await stop_consumer(consumer, 1.0)


async def ends_of(servers: str, topics: Iterable[str]) -> dict[TopicPartition, int]:
    """The last stable offsets of all partitions."""
    async with _consumer(servers, topics) as consumer:
        return dict(await consumer.end_offsets(sorted(consumer.assignment())))
