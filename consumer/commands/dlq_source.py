"""What the dead-letter topic holds, as the commands read it."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from adapters.codec.rejected import DeadLetter
from adapters.kafka.inspection import Extent
from adapters.kafka.partition_reader import PartitionReader
from consumer.commands.start import once_reachable
from consumer.settings import Settings
from consumer.wiring import kafka_connection
from domain.records import InputRecord

Advance = Callable[[int], None]
"""Hears how many offsets more were read."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which dead letters are meant: those with one of the ``reasons``, where there are any, lying at ``place``."""

    reasons: frozenset[str] = frozenset()
    place: tuple[int, int] | None = None

    def takes(self, letter: DeadLetter) -> bool:
        """Whether this one is meant, as far as its reason goes."""
        return not self.reasons or letter.reason in self.reasons


class Source:
    """What the dead-letter topic holds at present, or at one place, partition after partition."""

    def __init__(self, reader: PartitionReader, extents: dict[int, Extent]) -> None:
        self._reader = reader
        self._extents = extents
        self.offsets = sum(extent.end - extent.beginning for extent in extents.values())
        self.advance: Advance = lambda _: None

    async def records(self) -> AsyncIterator[InputRecord]:
        """The records in the order of partitions and offsets. Raises TransientError."""
        for partition, extent in self._extents.items():
            position = extent.beginning
            async for record in self._reader.read(partition, extent):
                yield record
                self.advance(record.offset + 1 - position)
                position = record.offset + 1
            self.advance(extent.end - position)


@contextlib.asynccontextmanager
async def opened_source(settings: Settings, place: tuple[int, int] | None) -> AsyncIterator[Source]:
    """The dead-letter topic, once Kafka can be reached."""
    async with contextlib.AsyncExitStack() as context:
        reader = await once_reachable(
            settings,
            lambda: context.enter_async_context(
                PartitionReader(kafka_connection(settings), settings.dead_letter_topic)
            ),
        )
        extents = await reader.extents()
        if place is not None:
            partition, offset = place
            present = partition in extents and extents[partition].beginning <= offset < extents[partition].end
            extents = {partition: Extent(offset, offset + 1)} if present else {}
        yield Source(reader, extents)
