"""A recorded trace in its own time: which tick goes out after which event."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from consumer.commands.activity_lines import TimedRecord
from consumer.commands.durations import multiple_from
from domain.records import OutgoingRecord
from domain.times import later


def with_ticks(events: Iterable[TimedRecord], every: timedelta) -> Iterator[OutgoingRecord | datetime]:
    """The records in the order of the trace, and between them the moments at which a tick is due.

    Ticks lie at multiples of ``every`` in UTC, from the first one at or after the first event to the first one at or
    after the latest. The trace's own time is the latest time of an event so far: the tick for a moment comes before
    the first event that lies behind it. An event that comes late, out of order, stays where it stands in the trace,
    and turns no clock back.
    """
    moment: datetime | None = None
    for event in events:
        if moment is None:
            moment = multiple_from(event.occurred_at, every)
        while event.occurred_at > moment:
            yield moment
            moment = later(moment, every)
        yield event.record
    if moment is not None:
        yield moment
