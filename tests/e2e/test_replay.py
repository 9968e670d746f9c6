"""`engage replay`: its cycles and messages are those that the plain rules give."""

import gzip
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.commands import engage, workers
from tests.foreign import read_topic
from tests.harness.deployment import Deployment
from tests.harness.judgement import expected_of, judge
from tests.oracle import SECOND, InputRecord, Thresholds
from tests.trace_data import Event, Row, active_events, disturbed, with_registrations, write_json_lines, write_rows

DAY = timedelta(days=1)
BEGIN = datetime(2024, 2, 27, 15, tzinfo=UTC)
THRESHOLDS = Thresholds(inactivity=60 * SECOND)


def rows(days: int, users: int, number: int) -> list[Row]:
    """Some activity of a few days, in the order of time."""
    rng = random.Random(11)
    start = int(BEGIN.timestamp())
    # The last event is at a midnight, so that its tick is at the same moment.
    end = start - start % 86_400 + days * 86_400
    seconds = [*sorted(rng.randrange(start, end) for _ in range(number - 1)), end]
    return [Row(rng.randrange(1, users + 1), users + 1, second) for second in seconds]


def times(events: list[Event]) -> list[datetime]:
    return [datetime.fromisoformat(event["occurred_at"]) for event in events]


def midnights(events: list[Event]) -> list[datetime]:
    """The first one at or after the first event, up to the first one at or after the latest."""
    first, last = (
        (at + DAY - timedelta(microseconds=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        for at in (times(events)[0], max(times(events)))
    )
    return [first + number * DAY for number in range((last - first) // DAY + 1)]


def seen(deployment: Deployment, events: list[Event], tick: InputRecord) -> Mapping[int, int]:
    """How far a tick sees: the events before the first one behind it, by partition."""
    moment = midnights(events)[tick.offset]
    before = next((place for place, at in enumerate(times(events)) if at > moment), len(events))
    partitions = {record.key: record.partition for record in read_topic(deployment.kafka, deployment.topic("activity"))}
    ends = dict.fromkeys(range(deployment.partitions), 0)
    for event in events[:before]:
        ends[partitions[event["user_id"].encode()]] += 1
    return ends


def check(deployment: Deployment, events: list[Event], printed: list[Any]) -> None:
    """The output topics, and what the command printed, hold what the oracle says."""
    assert judge(deployment, lambda tick: seen(deployment, events, tick), THRESHOLDS) == []
    expected = expected_of(deployment, lambda tick: seen(deployment, events, tick), THRESHOLDS)
    assert printed == [record.value for record in expected.cycles]
    assert len(expected.messages) > 0
    assert [datetime.fromisoformat(cycle["at"]) for cycle in printed] == midnights(events)


def test_lines_of_two_users_and_a_time(initialised: Deployment) -> None:
    trace = rows(days=5, users=12, number=60)
    file = initialised.folder / "trace.txt.gz"
    write_rows(file, trace)
    with workers(initialised, 2):
        done = engage(initialised, "replay", str(file), "--tick-every", "1d", "--json")
    assert done.code == 0, done.stderr
    check(initialised, list(active_events(trace)), done.json_lines)


def test_json_events_that_come_late_twice_and_out_of_order(initialised: Deployment) -> None:
    events = disturbed(with_registrations(active_events(rows(days=5, users=12, number=60))))
    file = initialised.folder / "trace.jsonl"
    write_json_lines(file, events)
    with workers(initialised):
        done = engage(initialised, "replay", str(file), "--tick-every", "1d", "--json")
    assert done.code == 0, done.stderr
    check(initialised, events, done.json_lines)


def test_off_a_terminal_there_are_lines_and_no_progress_bar(initialised: Deployment) -> None:
    file = initialised.folder / "trace.txt"
    write_rows(file, rows(days=1, users=3, number=5))  # of nine hours
    with workers(initialised):
        done = engage(initialised, "replay", str(file), "--tick-every", "12h")
    assert done.code == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["2024-02-28T00:00:00.000000Z"]
    assert "trace.txt" not in done.stderr


@pytest.mark.parametrize(
    "content",
    [b"1 2\n", gzip.compress(b"1 2 3\n" * 50)[:-9], b"\x1f\x8b junk"],
    ids=["plain", "cut-short", "junk"],  # a gzip header tells the time, and both halves of a run must agree on names
)
def test_a_file_that_cannot_be_read_ends_it_with_2(initialised: Deployment, content: bytes) -> None:
    file = initialised.folder / "trace.gz"
    file.write_bytes(content)
    done = engage(initialised, "replay", str(file), "--tick-every", "1d")
    assert done.code == 2
    assert "trace.gz" in done.stderr
    assert "Traceback" not in done.stderr
