"""When something new can be seen: by who waits for it, or where nobody can, by who looks again and again."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.topics import committed_reader

# A fetch that waits for records keeps the next one, from another position, waiting as well.
_FETCH_MS = 20
_LOOK_SECONDS = 0.003


class Arrivals(Protocol):
    """Tells of the first arrival after a moment. To be used by one task at a time."""

    async def arm(self) -> None:
        """From now on."""

    async def next(self) -> float:
        """Waits for it, and returns its moment on the monotonic clock."""


class RecordArrivals:
    """A committed record of these partitions, fetched as by a service that reads them."""

    def __init__(self, reader: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
        self._reader = reader
        self._partitions = partitions

    async def arm(self) -> None:
        await self._reader.seek_to_end(*self._partitions)
        # Until the fetch from there is under way: the one before it may have to end first.
        await self._reader.getmany(timeout_ms=3 * _FETCH_MS)

    async def next(self) -> float:
        # One is enough: to take all of them apart would cost time of the processors that everybody shares.
        while not await self._reader.getmany(timeout_ms=1_000, max_records=1):
            pass
        return time.monotonic()


@asynccontextmanager
async def record_arrivals(kafka: str, partitions: Sequence[TopicPartition]) -> AsyncIterator[RecordArrivals]:
    """Of a consumer of their own."""
    async with committed_reader(kafka, fetch_ms=_FETCH_MS) as reader:
        reader.assign(partitions)
        yield RecordArrivals(reader, partitions)


async def until(holds: Callable[[], Awaitable[bool]], seconds: float | None, pause: float) -> None:
    """Wait until it holds, looking again after each pause. Raises TimeoutError; never where ``seconds`` is None."""
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 - another process, which tells nobody
            await asyncio.sleep(pause)


class Growth:
    """A number that grows, at which somebody has to look. Whoever waits says how long."""

    def __init__(self, number: Callable[[], Awaitable[int]]) -> None:
        self._number = number
        self._before = 0

    async def arm(self) -> None:
        self._before = await self._number()

    async def next(self) -> float:
        await until(self._has_grown, None, _LOOK_SECONDS)
        return time.monotonic()

    async def _has_grown(self) -> bool:
        return await self._number() > self._before
