"""The activity of one shard as it lies in Kafka, and how much of it a tick must and may see.

A tick sees a prefix of the partition, counted here in records. It must hold everything acknowledged before the tick was
produced, and can't hold anything that was sent after its cycle was seen.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf

from tests.fault.soak.checker.judgement import Judgement
from tests.fault.soak.checker.reading import read_activity_record
from tests.fault.soak.checker.sending import Lying
from tests.oracle import DeadLetter, Event, Limits, RejectedError


@dataclass(frozen=True, slots=True)
class Log:
    """``events``: one for each record, None for what can't be used. As many values in the other two.

    ``sent``: when the record or one before it was sent, whichever is later; ``there``: from when on it was certainly
    there, since it or one behind it was acknowledged then. Both never fall.
    """

    shard: int
    events: Sequence[Event | None]
    sent: Sequence[float]
    there: Sequence[float]

    def bounds(self, produced: float, seen: float) -> tuple[int, int]:
        """The shortest and the longest prefix for a tick sent at ``produced``, whose cycle was there at ``seen``."""
        least = bisect_right(self.there, produced)
        return least, max(bisect_right(self.sent, seen), least)


def read_activity(
    lying: Iterable[Lying], limits: Limits, judgement: Judgement
) -> tuple[dict[int, Log], list[DeadLetter]]:
    """The log of each shard that has records, by shard; and what can't be used. In the order of the offsets."""
    logs: dict[int, list[Lying]] = defaultdict(list)
    events: dict[int, list[Event | None]] = defaultdict(list)
    letters: list[DeadLetter] = []
    for one in lying:
        partition = one.record.partition
        logs[partition].append(one)
        try:
            events[partition].append(read_activity_record(one.record, limits))
        except RejectedError as rejected:
            events[partition].append(None)
            letters.append(DeadLetter(one.record, str(rejected)))
        judgement.checked["activity records"] += 1
    return {shard: log_of(shard, log, events[shard]) for shard, log in logs.items()}, letters


def log_of(shard: int, lying: Sequence[Lying], events: Sequence[Event | None]) -> Log:
    """``events``: what was read from these records."""
    sent, latest = [], -inf
    for one in lying:
        latest = max(latest, one.invoked)
        sent.append(latest)
    there, earliest = [], inf
    for one in reversed(lying):
        earliest = min(earliest, one.acknowledged)
        there.append(earliest)
    return Log(shard, events, sent, there[::-1])


def deciding(events: Iterable[Event]) -> list[Event]:
    """At most four of one user's events that say the same of the user as all of them, whatever else comes.

    Only the earliest and the latest event, and the earliest and the latest registration, can matter.
    """
    ordered = sorted(events, key=lambda event: (event.occurred_at, event.name or ""))
    registrations = [event for event in ordered if event.name is not None]
    kept = [ordered[0], ordered[-1], *registrations[:1], *registrations[-1:]]
    return list(dict.fromkeys(kept))
