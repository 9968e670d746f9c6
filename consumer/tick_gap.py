"""The gap between the end of a tick topic that was made anew and the offset up to which ticks are judged.

A tick is known by its offset, so the engine reads none below that: the ticks that are produced into the new topic would
be passed over, as many as the former one held. Empty records close the gap; they lie below the offset and are never
looked at.
"""

from dataclasses import dataclass

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.event_producer import EventProducer
from adapters.kafka.inspection import extents
from domain.records import OutgoingRecord

# Small enough for one call to hand over well within its time.
_RECORDS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class TickGap:
    """``position``: the offset up to which ticks are judged. ``end``: where the topic ends."""

    topic: str
    position: int
    end: int

    @property
    def records(self) -> int:
        """How many records close the gap; 0 where there is none."""
        return max(self.position - self.end, 0)


async def find_tick_gap(connection: KafkaConnection, topic: str, position: int) -> TickGap:
    """Compare the topic with the position. Raises TransientError, MisconfiguredError."""
    return TickGap(topic, position, (await extents(connection, topic, [0]))[0].end)


async def close_tick_gap(connection: KafkaConnection, gap: TickGap) -> None:
    """Write the records that are missing. Raises TransientError, MisconfiguredError; some may be written then."""
    async with EventProducer(connection) as producer:
        for begun in range(0, gap.records, _RECORDS_AT_ONCE):
            missing = min(_RECORDS_AT_ONCE, gap.records - begun)
            await producer.send([OutgoingRecord(gap.topic, None, None, partition=0)] * missing)
            await producer.flush()
