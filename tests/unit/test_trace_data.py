"""The traces that replays play: their shape, and that the same call always gives the same one."""

import gzip
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from tests import trace_data
from tests.trace_data import DAY_SECONDS, Event, Row

SMALL = list(trace_data.generated_messages(rows=4_000, users=200))


def test_the_college_trace_is_the_real_one_or_one_of_its_size() -> None:
    rows = list(trace_data.college_messages())
    assert 59_000 <= len(rows) <= 61_000
    assert all(earlier.seconds <= later.seconds for earlier, later in pairwise(rows))
    if trace_data.COLLEGE_FILE.is_file():
        assert (len(rows), rows[0]) == (59_835, Row(1, 2, 1_082_040_961))


def test_a_generated_trace_depends_on_its_seed_alone() -> None:
    assert list(trace_data.generated_messages(rows=4_000, users=200)) == SMALL
    assert list(trace_data.generated_messages(rows=4_000, users=200, seed=1)) != SMALL


def test_a_generated_trace_has_the_features_of_the_real_one() -> None:
    assert len(SMALL) == 4_000
    assert all(earlier.seconds <= later.seconds for earlier, later in pairwise(SMALL))
    assert all(row.user != row.other and {row.user, row.other} <= set(range(1, 201)) for row in SMALL)
    by_user = sorted(Counter(row.user for row in SMALL).values(), reverse=True)
    assert sum(by_user[:20]) > len(SMALL) * 0.35
    days = Counter((row.seconds - trace_data.FIRST_SECOND) // DAY_SECONDS for row in SMALL)
    assert sum(days[day] for day in range(42)) > len(SMALL) * 0.55
    assert max(days) > 150
    hours = Counter(row.seconds // 3600 % 24 for row in SMALL)
    assert hours[14] * 2 < hours[7]
    mass = Counter((row.user, row.seconds) for row in SMALL)
    assert max(mass.values()) >= 10


def test_a_sample_holds_all_rows_of_some_users_whatever_the_order() -> None:
    sample = trace_data.sampled(SMALL, 10)
    chosen = {row.user for row in sample}
    assert len(chosen) == 10
    assert sample == [row for row in SMALL if row.user in chosen]
    assert set(trace_data.sampled(SMALL[::-1], 10)) == set(sample)
    assert chosen < {row.user for row in trace_data.sampled(SMALL, 20)}


def test_each_row_is_an_event_of_the_user_who_acts() -> None:
    event = {"type": "user.active", "user_id": "1", "occurred_at": "2004-04-15T14:56:01Z"}
    assert list(trace_data.active_events([Row(1, 2, 1_082_040_961)])) == [event]


def test_each_user_is_registered_once_before_the_first_event() -> None:
    events = list(
        trace_data.with_registrations(trace_data.active_events([Row(1, 2, 60), Row(3, 1, 61), Row(1, 3, 62)]))
    )
    kinds = [(event["type"].split(".")[1], event["user_id"]) for event in events]
    assert kinds == [("registered", "1"), ("active", "1"), ("registered", "3"), ("active", "3"), ("active", "1")]
    assert events[0] == {
        "type": "user.registered",
        "user_id": "1",
        "occurred_at": "1970-01-01T00:01:00Z",
        "name": "User 1",
    }


def marked(event: Event) -> tuple[str, ...]:
    return tuple(event.values())


def test_a_disturbed_trace_loses_nothing_and_repeats_a_twentieth() -> None:
    events = list(trace_data.active_events(SMALL))
    delivered = trace_data.disturbed(events)
    assert {marked(event) for event in delivered} == {marked(event) for event in events}
    assert 0.03 < len(delivered) / len(events) - 1 < 0.07
    assert delivered == trace_data.disturbed(events)
    assert delivered != trace_data.disturbed(events, seed=8)


def test_a_disturbed_trace_keeps_the_order_of_days_but_for_what_comes_late() -> None:
    delivered = trace_data.disturbed(trace_data.active_events(SMALL))
    behind, latest = 0, ""
    for event in delivered:
        behind += event["occurred_at"][:10] < latest
        latest = max(latest, event["occurred_at"][:10])
    assert 0.02 < behind / len(delivered) < 0.10
    within_a_day = [(a, b) for a, b in pairwise(delivered) if a["occurred_at"][:10] == b["occurred_at"][:10]]
    assert 0.4 < sum(a["occurred_at"] > b["occurred_at"] for a, b in within_a_day) / len(within_a_day) < 0.6


def test_midnight_belongs_to_the_day_that_ends_with_it() -> None:
    """Two events before midnight and one at it are one day's; the next second is another's."""
    events = list(
        trace_data.active_events([Row(1, 2, 86_398), Row(2, 1, 86_399), Row(3, 1, 86_400), Row(4, 1, 86_401)])
    )
    orders = {tuple(event["user_id"] for event in trace_data.disturbed(events, seed)) for seed in range(60)}
    undisturbed = {order for order in orders if len(order) == 4 and order[-1] == "4"}
    assert any(order[0] == "3" for order in undisturbed)


@pytest.mark.parametrize("name", ["trace.txt", "trace.txt.gz"])
def test_traces_are_written_as_lines(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    trace_data.write_rows(path, [Row(1, 2, 60), Row(3, 1, 61)])
    content = gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes()
    assert content == b"1 2 60\n3 1 61\n"


def test_events_are_written_as_json_lines_in_the_order_given(tmp_path: Path) -> None:
    events = list(trace_data.active_events(SMALL[:50]))[::-1]
    trace_data.write_json_lines(tmp_path / "trace.jsonl", events)
    lines = (tmp_path / "trace.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == events
