"""A trace as it lies in its file: what `engage replay` must make of it, worked out without its code.

The trace's own time at a line is the latest time of any line up to there. The tick for a moment belongs before the
first line at which that time lies behind the moment.
"""

import gzip
import json
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, zip_longest
from pathlib import Path

from tests.foreign import ForeignRecord
from tests.oracle import (
    DAY,
    DEFAULT_LIMITS,
    SECOND,
    Barrier,
    Event,
    InputRecord,
    RejectedError,
    parse_time,
    read_event,
    read_tick,
    written,
)


@dataclass(frozen=True, slots=True)
class Line:
    """An event of the trace. ``value`` is the record's value where the line prescribes it byte for byte."""

    user_id: str
    at: int
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Moment:
    """A tick: its time, and how many lines of the trace come before it."""

    at: int
    lines_before: int


def read_lines(file: Path) -> list[Line]:
    """The lines of a file, .gz or not: JSON events, or `user other-user unix-seconds`."""
    content = file.read_bytes()
    lines = (gzip.decompress(content) if file.suffix == ".gz" else content).splitlines()
    return [_json_line(line) if line.startswith(b"{") else _columns_line(line) for line in lines]


def moments_of(lines: Sequence[Line], interval: int = DAY) -> list[Moment]:
    """The ticks at multiples of the interval, from the first at or after the first line to that of the latest."""
    own_times = list(accumulate((line.at for line in lines), max))
    first, last = (-(-at // interval) for at in (own_times[0], own_times[-1]))
    return [Moment(at, bisect_right(own_times, at)) for at in range(first * interval, (last + 1) * interval, interval)]


def input_differences(
    lines: Sequence[Line], moments: Sequence[Moment], activity: Sequence[ForeignRecord], ticks: Sequence[ForeignRecord]
) -> list[str]:
    """Where the input topics hold anything but the lines, in order within each partition, and the ticks, in order."""
    partition_of = _partitions(activity)
    wanted: dict[int, list[Line | None]] = defaultdict(list)
    for line in lines:
        wanted[partition_of.get(line.user_id, -1)].append(line)
    found: dict[int, list[ForeignRecord | None]] = defaultdict(list)
    for record in activity:
        found[record.partition].append(record)
    differences = [
        f"activity partition {partition}, place {place}: {_shown(record)} instead of {line}"
        for partition in sorted(wanted.keys() | found.keys())
        for place, (line, record) in enumerate(zip_longest(wanted[partition], found[partition]))
        if line is None or record is None or record.offset != place or not _holds(record, line)
    ]
    return differences + [
        f"tick topic, place {place}: {_shown(tick)} instead of {moment and written(moment.at)}"
        for place, (moment, tick) in enumerate(zip_longest(moments, ticks))
        if moment is None or tick is None or tick.offset != place or _tick_time(tick) != moment.at
    ]


def barriers_of(
    lines: Sequence[Line], moments: Sequence[Moment], activity: Sequence[ForeignRecord], partitions: int
) -> dict[int, Barrier]:
    """What each tick must see, by its offset, of topics without input differences."""
    partition_of = _partitions(activity)
    ends = Counter(dict.fromkeys(range(partitions), 0))
    barriers: dict[int, Barrier] = {}
    taken = 0
    for offset, moment in enumerate(moments):
        ends.update(partition_of[line.user_id] for line in lines[taken : moment.lines_before])
        taken = moment.lines_before
        barriers[offset] = dict(ends)
    return barriers


def as_input(record: ForeignRecord) -> InputRecord:
    """The record as the oracle takes it."""
    return InputRecord(
        record.topic, record.partition, record.offset, record.timestamp_ms, record.key, record.value, record.headers
    )


def _partitions(activity: Sequence[ForeignRecord]) -> Mapping[str, int]:
    """Where each user's records lie. A record elsewhere shows as a difference in both partitions."""
    return {(record.key or b"").decode(): record.partition for record in activity}


def _json_line(line: bytes) -> Line:
    event = json.loads(line)
    return Line(event["user_id"], _known(parse_time(event["occurred_at"])), line)


def _columns_line(line: bytes) -> Line:
    user, _other, seconds = line.decode().split()
    return Line(user, int(seconds) * SECOND, None)


def _holds(record: ForeignRecord, line: Line) -> bool:
    if line.value is not None:
        return (record.key, record.value) == (line.user_id.encode(), line.value)
    try:
        return read_event(as_input(record), DEFAULT_LIMITS) == Event(line.user_id, line.at, None)
    except RejectedError:
        return False


def _tick_time(record: ForeignRecord) -> int | None:
    try:
        return read_tick(as_input(record), DEFAULT_LIMITS).at
    except RejectedError:
        return None


def _known(at: int | None) -> int:
    assert at is not None, "the trace holds a time that the engine must not read"
    return at


def _shown(record: ForeignRecord | None) -> str:
    return "nothing" if record is None else f"offset {record.offset} with {record.value!r}"
