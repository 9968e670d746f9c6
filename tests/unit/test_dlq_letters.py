"""Dead letters, written and read back."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.codec import dead_letter
from adapters.codec.rejected import DeadLetter, read_dead_letter
from domain.errors import REASONS, RejectedRecordError
from domain.records import Headers, InputRecord

ROOM, LITTLE_ROOM = 1_000_000, 1_000
ADDED = ("reason", "detail", "topic", "partition", "offset", "timestamp", "truncated", "length")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
OPTIONAL_BYTES = st.none() | st.binary()
HEADER_NAMES = TEXTS | st.sampled_from(ADDED).map("engagement.error.{}".format)
RECORDS = st.builds(
    InputRecord,
    topic=st.text("abc.-_", min_size=1),
    partition=st.integers(0, 2**31 - 1),
    offset=st.integers(0, 2**63 - 1),
    timestamp=st.integers(-(2**63), 2**63 - 1),
    key=OPTIONAL_BYTES,
    value=OPTIONAL_BYTES,
    headers=st.lists(st.tuples(HEADER_NAMES, OPTIONAL_BYTES)).map(tuple),
)
REJECTIONS = st.builds(RejectedRecordError, st.sampled_from(REASONS), TEXTS.filter(bool))
REJECTION = RejectedRecordError("bad_json", "value: is not JSON")
RECORD = InputRecord("user-activity", 3, 41, 1795341600000, b"12", b"{", (("trace", b"1"), ("trace", None)))


def stored(record: InputRecord, rejection: RejectedRecordError = REJECTION, room: int = ROOM) -> InputRecord:
    """The record as it lies in the dead-letter topic afterwards."""
    sent = dead_letter(record, rejection, "dead", room)
    assert sent.timestamp_ms is not None
    return InputRecord("dead", 1, 7, sent.timestamp_ms, sent.key, sent.value, sent.headers)


@given(RECORDS, REJECTIONS)
def test_whatever_record_was_rejected_comes_back_as_it_was(record: InputRecord, rejection: RejectedRecordError) -> None:
    lying = stored(record, rejection)
    assert read_dead_letter(lying) == DeadLetter(lying, record, rejection.reason, rejection.detail)


@pytest.mark.parametrize(
    ("changes", "length"),
    [
        ({"value": b"x" * 2_000}, 2_000),
        ({"key": b"k" * 2_000, "value": None}, None),
        ({"key": b"k" * 2_000}, 1),
        ({"headers": (("large", b"h" * 2_000), ("engagement.error.length", b"7"))}, 1),
    ],
)
def test_what_was_cut_is_known_as_such(changes: dict[str, Any], length: int | None) -> None:
    record = replace(RECORD, **changes)
    letter = read_dead_letter(stored(record, room=LITTLE_ROOM))
    assert letter is not None
    assert (letter.truncated, letter.length, letter.reason) == (True, length, REJECTION.reason)
    assert (letter.original.topic, letter.original.offset) == (RECORD.topic, RECORD.offset)
    assert set(letter.original.headers) <= set(record.headers)


@given(RECORDS, REJECTIONS)
def test_a_dead_letter_that_is_rejected_again_keeps_the_first_ones_headers(
    record: InputRecord, rejection: RejectedRecordError
) -> None:
    first = stored(record)
    again = replace(first, topic="user-activity", partition=0, offset=9)
    letter = read_dead_letter(stored(again, rejection))
    assert letter is not None
    assert letter.original.headers == first.headers
    assert (letter.original.topic, letter.original.partition, letter.original.offset) == ("user-activity", 0, 9)
    assert letter.reason == rejection.reason


def changed(**values: bytes | None) -> Headers:
    """The engine's headers, with these values."""
    named = {f"engagement.error.{name}": value for name, value in values.items()}
    return tuple((name, named.get(name, value)) for name, value in stored(RECORD).headers)


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("engagement.error.reason", b"bad_json"),),
        stored(RECORD).headers[:-1],
        stored(RECORD).headers[3:],
        (*stored(RECORD).headers, ("trace", b"2")),
        stored(RECORD).headers[::-1],
        (*stored(RECORD).headers, ("engagement.error.truncated", b"true"), ("engagement.error.length", b"many")),
        *(
            changed(**{name: value})
            for name in ("partition", "offset", "timestamp")
            for value in (None, b"", b"x", b" 1", b"1_0", b"9" * 5000, "\uff11".encode())
        ),
        changed(partition=b"-1"),
        changed(offset=b"-1"),
        *(changed(**{name: value}) for name in ("reason", "detail", "topic") for value in (None, b"", b"\xff")),
    ],
)
def test_a_record_without_the_engines_last_headers_is_no_dead_letter(headers: Headers) -> None:
    assert read_dead_letter(replace(stored(RECORD), headers=headers)) is None


def test_a_reason_of_a_later_version_is_read_too() -> None:
    letter = read_dead_letter(replace(stored(RECORD), headers=changed(reason=b"bad_weather")))
    assert letter is not None
    assert letter.reason == "bad_weather"


@given(st.lists(st.tuples(HEADER_NAMES, OPTIONAL_BYTES)).map(tuple), st.none() | st.binary())
def test_whatever_somebody_else_writes_is_read_without_a_crash(headers: Any, value: bytes | None) -> None:
    read_dead_letter(replace(stored(RECORD), headers=headers, value=value))
