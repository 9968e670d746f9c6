"""Activity in lines of text: what is sent, and what is refused with its place."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from adapters.codec import Limits
from consumer.commands.activity_lines import ActivityTarget, TimedRecord, read_events
from consumer.commands.errors import UnusableInputError
from domain.events import Activity
from tests.trace_data import active_events, generated_messages

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
TARGET = ActivityTarget("user-activity", Limits(timedelta(minutes=5), 65_536), lambda: NOW)


def read(lines: Sequence[bytes], *, columns: bool = True) -> list[TimedRecord]:
    return list(read_events(lines, "trace.txt", TARGET, columns=columns))


def test_a_json_event_is_sent_as_it_stands_under_its_user() -> None:
    line = b'{"event_id": 7, "type":"user.active","user_id":"12","occurred_at":"2026-11-17T11:00:00+01:00"}'
    [event] = read([b"  " + line + b"\r\n"])
    assert (event.record.topic, event.record.key, event.record.value) == ("user-activity", b"12", line)
    assert event.occurred_at == datetime(2026, 11, 17, 10, tzinfo=UTC)
    assert event.record.timestamp_ms is None, "Kafka timestamps are the current time"


def test_of_a_line_in_columns_the_first_user_acts() -> None:
    [event] = read([b"12 7 1082040961\n"])
    assert event.record.key == b"12"
    assert json.loads(event.record.value or b"") == {
        "type": "user.active",
        "user_id": "12",
        "occurred_at": "2004-04-15T14:56:01.000000Z",
    }
    assert event.occurred_at == datetime(2004, 4, 15, 14, 56, 1, tzinfo=UTC)


def test_empty_lines_are_left_out() -> None:
    assert read([b"\n", b"   \n", b""]) == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"12 7", "neither a JSON object nor"),
        (b"12 7 soon", "neither a JSON object nor"),
        (b"12 7 999999999999999999", "neither a JSON object nor"),
        (b"12 7 1082040961 9", "neither a JSON object nor"),
        (b"12 7 1900000000", "after the record's Kafka timestamp"),
        (b"\xff 7 1082040961", "not UTF-8"),
        (b'{"type": "user.active"', "is not a JSON object"),
        (b'{"type": "user.active", "occurred_at": "2026-11-17T10:00:00Z"}', "user_id: is missing"),
        (b'{"type": "user.left", "user_id": "1", "occurred_at": "2026-11-17T10:00:00Z"}', "type: must be"),
        (b'{"type": "user.active", "user_id": "1", "occurred_at": "yesterday"}', "occurred_at: must be"),
    ],
)
def test_a_line_that_the_engine_would_reject_is_named(line: bytes, problem: str) -> None:
    with pytest.raises(UnusableInputError, match=r"^trace\.txt, line 2: ") as refused:
        read([b"12 7 1082040961\n", line + b"\n"])
    assert problem in str(refused.value)


def test_columns_are_only_read_where_they_are_asked_for() -> None:
    with pytest.raises(UnusableInputError, match="line 1"):
        read([b"12 7 1082040961\n"], columns=False)


def test_both_forms_of_a_trace_say_the_same() -> None:
    rows = list(generated_messages(rows=200, users=20))
    in_columns = read([f"{row.user} {row.other} {row.seconds}".encode() for row in rows])
    in_json = read([json.dumps(event).encode() for event in active_events(rows)])
    assert [(event.record.key, event.occurred_at) for event in in_columns] == [
        (event.record.key, event.occurred_at) for event in in_json
    ]


def test_an_event_from_options_is_checked_like_one_from_a_file() -> None:
    assert TARGET.record_of(Activity("12", NOW, "Ghost Gary")).record.key == b"12"
    with pytest.raises(UnusableInputError, match="user_id: must be"):
        TARGET.record_of(Activity("", NOW))
