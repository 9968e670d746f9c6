"""A member of the consumer group whose listeners note what they hear."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from adapters.kafka.activity import KafkaActivityStream
from adapters.kafka.connection import KafkaConnection
from domain.records import RecordBatch

SESSION_TIMEOUT_SECONDS = 6.0
_SECONDS = 30.0


class Member:
    """A stream, and what its listeners were told."""

    def __init__(self, stream: KafkaActivityStream) -> None:
        self.stream = stream
        self.revoked: list[frozenset[int]] = []
        self.assigned: list[frozenset[int]] = []
        self._heard = asyncio.Condition()

    async def on_revoked(self, shards: frozenset[int]) -> None:
        async with self._heard:
            self.revoked.append(shards)
            self._heard.notify_all()

    async def on_assigned(self, shards: frozenset[int]) -> None:
        async with self._heard:
            self.assigned.append(shards)
            self._heard.notify_all()

    async def hears(self, assignments: int) -> frozenset[int]:
        """Wait until so many assignments were heard of, and return the last one."""
        async with asyncio.timeout(_SECONDS), self._heard:
            await self._heard.wait_for(lambda: len(self.assigned) >= assignments)
        return self.assigned[-1]

    async def owns(self, shards: Collection[int]) -> None:
        """Wait until the last assignment is this one."""
        async with asyncio.timeout(_SECONDS), self._heard:
            await self._heard.wait_for(lambda: bool(self.assigned) and self.assigned[-1] == frozenset(shards))

    async def reads(self, shards: Collection[int], records: int) -> list[RecordBatch]:
        """Poll until so many records came."""
        batches: list[RecordBatch] = []
        async with asyncio.timeout(_SECONDS):
            while sum(len(batch.records) for batch in batches) < records:
                batches += await self.stream.poll(shards, 0.1)
        return batches

    async def polls_for_ever(self, shards: Collection[int], batches: list[RecordBatch]) -> None:
        """Poll until it raises; what came before is appended to ``batches``."""
        async with asyncio.timeout(_SECONDS):
            while True:
                batches += await self.stream.poll(shards, 0.1)

    async def reaches(self, shard: int, position: int) -> list[RecordBatch]:
        """Poll until the shard's position is reached."""
        batches: list[RecordBatch] = []
        async with asyncio.timeout(_SECONDS):
            while not batches or batches[-1].next_position < position:
                batches += await self.stream.poll([shard], 0.1)
        return batches


@asynccontextmanager
async def member(connection: KafkaConnection, topic: str, group: str) -> AsyncIterator[Member]:
    """A started member; it leaves the group at the end."""
    joined = Member(KafkaActivityStream(connection, topic, group, SESSION_TIMEOUT_SECONDS))
    await joined.stream.start()
    joined.stream.join(joined.on_revoked, joined.on_assigned)
    try:
        yield joined
    finally:
        await joined.stream.stop()
