"""What was produced, as the oracle reads it."""

import contextlib
from collections.abc import Collection, Iterator
from datetime import datetime

from domain.records import InputRecord, OutgoingRecord
from tests import oracle
from tests.oracle import Event, Tick, microseconds
from tests.simulation.topics import ActivityTopic, Partition, TickTopic

ORACLE_LIMITS = oracle.Limits(max_future_skew_seconds=300, max_record_bytes=1000, event_source="/simulation")
LONG_AGO = microseconds(datetime.fromisoformat("0001-01-01T00:00:00Z"))

Place = tuple[str, int, int]


class Inputs:
    """Reads both topics; notes how far the activity was when a tick was produced."""

    def __init__(self, activity: ActivityTopic, ticks: TickTopic) -> None:
        self.activity = activity
        self.ticks = ticks
        self._ends: dict[int, dict[int, int]] = {}
        self._read_ticks: dict[int, Tick | None] = {}

    def note_tick(self, offset: int) -> None:
        """The tick at this offset was produced now: it has to see all activity so far."""
        self._ends[offset] = dict(self.activity.log.ends)

    def barrier(self, offset: int, shard: int) -> int:
        """How many of the shard's records were there before the tick."""
        return self._ends[offset].get(shard, 0)

    def events(self, shard: int, start: int, end: int) -> Iterator[Event]:
        """What the usable records say."""
        for record in self.activity.partitions[shard].records(start, end):
            with contextlib.suppress(oracle.RejectedError):
                yield oracle.read_event(as_oracle_record(record), ORACLE_LIMITS)

    def all_events(self) -> Iterator[Event]:
        """What all usable records say."""
        for partition in self.activity.partitions:
            yield from self.events(partition.number, 0, partition.end)

    def tick(self, offset: int) -> Tick | None:
        """What the record says, if it is usable."""
        if offset not in self._read_ticks:
            [record] = self.ticks.partition.records(offset, offset + 1)
            try:
                self._read_ticks[offset] = oracle.read_tick(as_oracle_record(record), ORACLE_LIMITS)
            except oracle.RejectedError:
                self._read_ticks[offset] = None
        return self._read_ticks[offset]

    def verdicts(self, judged: Collection[int]) -> dict[int, str]:
        """What becomes of the judged records of the tick topic."""
        verdicts, latest = {}, LONG_AGO
        for record in self.ticks.partition.records(0, self.ticks.partition.end):
            if record.offset in judged:
                tick = self.tick(record.offset)
                usable = tick is not None and tick.at > latest
                verdicts[record.offset] = "unusable" if tick is None else "usable" if usable else "stale"
                latest = tick.at if tick is not None and usable else latest
        return verdicts

    def rejected(self, judged: Collection[int]) -> dict[Place, str]:
        """Every record that has to become a dead letter, with the reason; of the ticks, those that were judged."""
        found = {}
        for partition in (*self.activity.partitions, self.ticks.partition):
            for record in partition.records(0, partition.end):
                reason = self.reason(record)
                if reason is not None and (partition is not self.ticks.partition or record.offset in judged):
                    found[place_of(record)] = reason
        return found

    def reason(self, record: InputRecord) -> str | None:
        """Why the record can't be used, if so."""
        try:
            if record.topic == self.ticks.partition.topic:
                oracle.read_tick(as_oracle_record(record), ORACLE_LIMITS)
            else:
                oracle.read_event(as_oracle_record(record), ORACLE_LIMITS)
        except oracle.RejectedError as rejected:
            return str(rejected)
        return None

    def source(self, dead_letter: OutgoingRecord) -> InputRecord:
        """The record that a dead letter says it was made from."""
        told = {name.removeprefix("engagement.error."): (value or b"").decode() for name, value in dead_letter.headers}
        partitions: dict[tuple[str, int], Partition] = {
            (partition.topic, partition.number): partition
            for partition in (*self.activity.partitions, self.ticks.partition)
        }
        offset = int(told["offset"])
        [record] = partitions[told["topic"], int(told["partition"])].records(offset, offset + 1)
        return record


def place_of(record: InputRecord) -> Place:
    return record.topic, record.partition, record.offset


def as_oracle_record(record: InputRecord) -> oracle.InputRecord:
    """The record for those who import nothing of the project."""
    return oracle.InputRecord(
        record.topic, record.partition, record.offset, record.timestamp, record.key, record.value, record.headers
    )
