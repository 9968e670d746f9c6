"""Where the ticks belong in a trace, what each must see, and what is noticed in topics that hold something else."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.foreign import ForeignRecord
from tests.oracle import DAY, HOUR, parse_time, written
from tests.trace.recording import Line, Moment, barriers_of, input_differences, moments_of, read_lines
from tests.trace_data import Row, active_events, write_json_lines, write_rows

NOON = parse_time("2004-04-15T12:00:00Z") or 0
MIDNIGHT = NOON + 12 * HOUR
PARTITION_OF = {"a": 0, "b": 2}


def lines_at(*moments: tuple[str, int]) -> list[Line]:
    return [
        Line(user, at, f'{{"type": "user.active", "user_id": "{user}", "occurred_at": "{written(at)}"}}'.encode())
        for user, at in moments
    ]


LINES = lines_at(("a", NOON), ("b", MIDNIGHT), ("a", MIDNIGHT + 1), ("a", NOON + 1), ("b", NOON + 3 * DAY))
MOMENTS = [Moment(MIDNIGHT, 2), Moment(MIDNIGHT + DAY, 4), Moment(MIDNIGHT + 2 * DAY, 4), Moment(MIDNIGHT + 3 * DAY, 5)]


def activity_of(lines: Sequence[Line]) -> list[ForeignRecord]:
    """The activity topic as the lines should make it."""
    ends = dict.fromkeys(PARTITION_OF.values(), 0)
    records = []
    for line in lines:
        partition = PARTITION_OF[line.user_id]
        records.append(record(partition, ends[partition], line.user_id.encode(), line.value or b""))
        ends[partition] += 1
    return sorted(records, key=lambda record: (record.partition, record.offset))


def ticks_of(moments: Sequence[Moment]) -> list[ForeignRecord]:
    return [
        record(0, offset, None, f'{{"type": "engagement.tick", "at": "{written(moment.at)}"}}'.encode())
        for offset, moment in enumerate(moments)
    ]


def record(partition: int, offset: int, key: bytes | None, value: bytes) -> ForeignRecord:
    return ForeignRecord("topic", partition, offset, (MIDNIGHT + 9 * DAY) // 1_000, "logappend", key, value, ())


def test_a_tick_follows_the_lines_up_to_and_including_its_moment() -> None:
    assert moments_of(LINES)[0] == Moment(MIDNIGHT, 2)


def test_a_line_that_comes_late_stays_where_it_is_and_days_without_lines_have_their_ticks() -> None:
    assert moments_of(LINES) == MOMENTS


def test_each_tick_sees_the_lines_before_it_by_partition() -> None:
    assert barriers_of(LINES, MOMENTS, activity_of(LINES), 3) == {
        0: {0: 1, 1: 0, 2: 1},
        1: {0: 3, 1: 0, 2: 1},
        2: {0: 3, 1: 0, 2: 1},
        3: {0: 3, 1: 0, 2: 2},
    }


def test_topics_that_hold_the_trace_show_no_difference() -> None:
    assert input_differences(LINES, MOMENTS, activity_of(LINES), ticks_of(MOMENTS)) == []


@pytest.mark.parametrize(
    "lines",
    [LINES[:-1], LINES[1:], [*LINES, LINES[0]], [LINES[2], *LINES[1:2], LINES[0], *LINES[3:]], [*LINES[:-1], LINES[1]]],
    ids=["last missing", "first missing", "one repeated", "two exchanged", "one replaced"],
)
def test_other_activity_than_the_trace_is_noticed(lines: list[Line]) -> None:
    assert input_differences(LINES, MOMENTS, activity_of(lines), ticks_of(MOMENTS)) != []


def test_a_users_record_in_another_partition_is_noticed() -> None:
    first, *others = activity_of(LINES)
    moved = [*others, replace(first, partition=1)]
    assert input_differences(LINES, MOMENTS, moved, ticks_of(MOMENTS)) != []


@pytest.mark.parametrize(
    "moments",
    [MOMENTS[:-1], MOMENTS[1:], [*MOMENTS, MOMENTS[-1]], [MOMENTS[1], MOMENTS[0], *MOMENTS[2:]]],
    ids=["last missing", "first missing", "one repeated", "two exchanged"],
)
def test_other_ticks_than_the_traces_are_noticed(moments: list[Moment]) -> None:
    assert input_differences(LINES, MOMENTS, activity_of(LINES), ticks_of(moments)) != []


def test_both_kinds_of_files_are_read(tmp_path: Path) -> None:
    rows = [Row(7, 8, NOON // 1_000_000), Row(9, 7, MIDNIGHT // 1_000_000)]
    write_rows(tmp_path / "trace.txt.gz", rows)
    write_json_lines(tmp_path / "trace.jsonl", active_events(rows))
    columns, events = read_lines(tmp_path / "trace.txt.gz"), read_lines(tmp_path / "trace.jsonl")
    assert [(line.user_id, line.at, line.value) for line in columns] == [("7", NOON, None), ("9", MIDNIGHT, None)]
    assert [(line.user_id, line.at) for line in events] == [("7", NOON), ("9", MIDNIGHT)]
    assert [line.value for line in events] == (tmp_path / "trace.jsonl").read_bytes().splitlines()
