"""What holds for all bytes, not only for the kinds of the table."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from adapters.codec import Limits, dead_letter, decode_activity, decode_tick
from domain.errors import REASONS, RejectedRecordError
from domain.events import Activity, Tick
from domain.records import InputRecord, OutgoingRecord

LIMITS = Limits(max_future_skew=timedelta(seconds=300), max_record_bytes=500)
CANARY = "canary-of-21-letters!"
# Beside random bytes, pieces of which records are made: random bytes alone never come as far as the fields.
PIECES = st.sampled_from(
    [
        *(b"{", b"}", b'"', b",", b": ", b"[", b"]", b"\\", b"\\ud83d", b"NaN", b"null", b"9" * 50, b"\x00", b"\xff"),
        *(b'"type"', b'"user_id"', b'"occurred_at"', b'"at"', b'"tick_id"', b'"name"', CANARY.encode()),
        *(b'"user.active"', b'"user.registered"', b'"engagement.tick"', b'"2026-11-22T10:00:00Z"'),
        *(
            b'{"type": "user.active", "user_id": "12", "occurred_at": "2026-11-22T10:00:00Z"',
            b'"' + CANARY.encode() + b'"',
        ),
        *(b'{"type": "engagement.tick", "at": "2026-11-22T10:00:00Z"', b', "name": ', b', "type": ', b', "at": '),
    ]
)
VALUES = st.none() | st.binary() | st.lists(PIECES | st.binary(max_size=3), max_size=12).map(b"".join)
KEYS = st.none() | st.sampled_from([b"", b"12", CANARY.encode()]) | st.binary(max_size=20)
TIMES = st.integers(-(2**63), 2**63 - 1)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
HEADERS = st.lists(st.tuples(NAMES, st.none() | st.binary(max_size=400)), max_size=6).map(tuple)
RECORDS = st.builds(InputRecord, st.just("user-activity"), st.integers(0, 9), st.integers(0), TIMES, KEYS, VALUES)
REJECTION = RejectedRecordError("bad_json", "value: is not JSON")


@pytest.mark.parametrize("decode", [decode_activity, decode_tick])
@given(record=RECORDS)
def test_any_bytes_are_read_or_rejected_without_being_repeated(
    decode: Callable[[InputRecord, Limits], Activity | Tick], record: InputRecord
) -> None:
    outcome: object
    try:
        outcome = decode(record, LIMITS)
    except RejectedRecordError as rejection:
        outcome = rejection
    if isinstance(outcome, RejectedRecordError):
        assert outcome.reason in REASONS
        assert 0 < len(outcome.detail) <= 200
        assert CANARY not in outcome.detail
    else:
        assert isinstance(outcome, Activity | Tick)


@given(
    st.builds(
        InputRecord,
        st.just("user-activity"),
        st.just(3),
        st.just(41),
        TIMES,
        st.none() | st.binary(max_size=4_000),
        st.none() | st.binary(max_size=4_000),
        HEADERS,
    ),
    st.integers(1_000, 6_000),
)
def test_a_dead_letter_always_fits_its_topic_and_is_whole_where_the_record_does(
    record: InputRecord, max_message_bytes: int
) -> None:
    letter = dead_letter(record, REJECTION, "dead", max_message_bytes)
    assert batch_bytes(letter) <= max_message_bytes
    assert letter.timestamp_ms == record.timestamp
    names = [name.removeprefix("engagement.error.") for name, _ in letter.headers]
    start = len(names) - 1 - names[::-1].index("reason")
    if "truncated" in names[start:]:
        whole = OutgoingRecord("dead", record.key, record.value, (*record.headers, *letter.headers[start:]), 0)
        # What the sizes of numbers in Kafka's format are, is taken to be the most that it can be.
        assert batch_bytes(whole) > max_message_bytes - 300
        assert (record.value or b"").startswith(letter.value or b"")
        assert (record.key or b"").startswith(letter.key or b"")
        kept = iter(record.headers)
        assert all(header in kept for header in letter.headers[:start])
    else:
        assert (letter.key, letter.value) == (record.key, record.value)
        assert letter.headers[:start] == record.headers


def test_a_hundred_thousand_headers_are_thinned_out_at_once() -> None:
    headers = tuple((str(number), b"x" * (number % 7)) for number in range(100_000))
    record = InputRecord("user-activity", 0, 0, 0, b"12", b"{", headers)
    letter = dead_letter(record, REJECTION, "dead", 100_000)
    # What each needs beside name and value is taken to be the most that it can be.
    assert 40_000 < batch_bytes(letter) <= 100_000


def batch_bytes(record: OutgoingRecord) -> int:
    """The size of a batch that holds nothing else, by the client's own arithmetic."""
    batch = DefaultRecordBatchBuilder(2, 0, 1, -1, -1, 0, 10**9)
    batch.append(0, record.timestamp_ms, record.key, record.value, list(record.headers))
    return len(batch.build())
