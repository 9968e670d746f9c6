import json
from datetime import UTC, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.codec import Limits, decode_activity, decode_tick, encode_activity, encode_tick
from domain.errors import RejectedRecordError
from domain.events import Activity, Tick
from domain.records import InputRecord
from domain.times import LATEST
from tests import oracle
from tests.unit.builders import HOUR, LIMITS, MICROSECOND, NOW, active, record, registered, tick

EARLIER = NOW - HOUR
ROOMY = Limits(max_future_skew=timedelta(seconds=300), max_record_bytes=10**6)


def reason_of(
    value: bytes | None, decode: Any = decode_activity, limits: Limits = LIMITS, **where: Any
) -> tuple[str, str]:
    with pytest.raises(RejectedRecordError) as rejection:
        decode(record(value, **where), limits)
    return rejection.value.reason, rejection.value.detail


def with_field(raw: bytes, value: bytes | None = None) -> bytes:
    """An event with a field more, whose JSON is given as it stands."""
    return b'{"extra": ' + raw + b", " + (value or active())[1:]


# --- what is accepted ---


def test_activity_and_registration_are_read() -> None:
    assert decode_activity(record(active()), LIMITS) == Activity("12", EARLIER)
    assert decode_activity(record(registered()), LIMITS) == Activity("12", EARLIER, "Ghost Gary")


def test_a_tick_is_read_whatever_its_key() -> None:
    for key in (None, b"", b"\xff"):
        assert decode_tick(record(tick(), key=key), LIMITS) == Tick("t-1", NOW)


def test_a_tick_without_a_label_is_called_by_its_time_as_written() -> None:
    value = tick(tick_id=..., at="2026-11-22T12:00:00.10+02:00")
    assert decode_tick(record(value), LIMITS) == Tick("2026-11-22T12:00:00.10+02:00", NOW + timedelta(milliseconds=100))


@pytest.mark.parametrize(
    "raw",
    [
        b"null",
        b"-0.0e-999",
        b"1" * 5000,
        b"1e999999",
        b'{"type": 1, "user_id": []}',
        b'"NaN, Infinity"',
        b'["\\ud83d\\ude09", "\xf0\x9f\x98\x89", {}, [], [[]], [{"\\u0000": true}]]',
        b"[" * 20_000 + b"]" * 20_000,
        b'{"a":' * 10_000 + b"0" + b"}" * 10_000,
    ],
)
def test_other_fields_are_ignored_whatever_they_hold(raw: bytes) -> None:
    assert decode_activity(record(with_field(raw)), ROOMY) == Activity("12", EARLIER)


def test_a_name_of_an_activity_event_is_such_a_field() -> None:
    assert decode_activity(record(active(name=5)), LIMITS) == Activity("12", EARLIER)


@pytest.mark.parametrize("more", [b"", b'"note": "NaN", '])
def test_of_a_repeated_key_the_last_counts(more: bytes) -> None:
    value = b"{" + more + b'"user_id": 5, "type": null, "name": 0, "user\\u005fid": "13",' + registered()[1:]
    assert decode_activity(record(value), LIMITS) == Activity("12", EARLIER, "Ghost Gary")
    value = value[:-1] + b', "user\\u005fid": [{"user_id": "12"}]}'
    assert reason_of(value)[0] == "invalid_field"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (" Ann ", "Ann"),
        ("A\x00n\tn\x7f\x85", "Ann"),
        ("\u202eAnn\u2069", "Ann"),
        ("\x00 \u202a Ann\u3000\x1f\u00a0", "Ann"),
        ("{0.__class__} %s", "{0.__class__} %s"),
        ("n" * 200 + "\n" * 99, "n" * 200),
        ("😉" * 200, "😉" * 200),
        ("a\u200db", "a\u200db"),
    ],
)
def test_names_are_cleaned(written: str, name: str) -> None:
    assert decode_activity(record(registered(name=written)), Limits(HOUR, 10**5)).name == name


# --- what is rejected ---


@pytest.mark.parametrize(
    ("value", "reason", "field"),
    [
        (None, "null_value", "value"),
        (b" " * 1001, "too_large", "value"),
        (b"", "bad_json", "value"),
        (b"{", "bad_json", "value"),
        (b"[]", "bad_json", "value"),
        (b'"text"', "bad_json", "value"),
        (b"5", "bad_json", "value"),
        (active() + b"x", "bad_json", "value"),
        (active() + active(), "bad_json", "value"),
        (b"\xef\xbb\xbf" + active(), "bad_json", "value"),
        (active().decode().encode("utf-16"), "bad_json", "value"),
        (b"\x00" + active(), "bad_json", "value"),
        (b"\x0c" + active(), "bad_json", "value"),
        (with_field(b"NaN"), "bad_json", "value"),
        (with_field(b"-Infinity"), "bad_json", "value"),
        (with_field(b'"\xff"'), "bad_json", "value"),
        (with_field(b'"\xed\xa0\x80"'), "bad_json", "value"),
        (with_field(b'"\\ud800"'), "bad_json", "value"),
        (with_field(b'[{"\\udc00\\ud800": 1}]'), "bad_json", "value"),
        (with_field(b"01"), "bad_json", "value"),
        (with_field(b"+1"), "bad_json", "value"),
        (with_field(b"1."), "bad_json", "value"),
        (with_field(b"[1,]"), "bad_json", "value"),
        (with_field(b"[1}"), "bad_json", "value"),
        (with_field(b'"\t"'), "bad_json", "value"),
        (with_field(b"'text'"), "bad_json", "value"),
        (with_field(b"[" * 900), "bad_json", "value"),
        (with_field(b"True"), "bad_json", "value"),
        (with_field(b'{"a" 1}'), "bad_json", "value"),
        (with_field(b"{1: 1}"), "bad_json", "value"),
        (b"{}", "missing_field", "type"),
        (active(type=...), "missing_field", "type"),
        (active(user_id=...), "missing_field", "user_id"),
        (active(occurred_at=...), "missing_field", "occurred_at"),
        (registered(name=...), "missing_field", "name"),
        (active(type=None), "invalid_field", "type"),
        (active(type=["user.active"]), "invalid_field", "type"),
        (active(user_id=12), "invalid_field", "user_id"),
        (active(user_id=""), "invalid_field", "user_id"),
        (active(user_id="1" * 129), "invalid_field", "user_id"),
        (active(user_id="1\x00"), "invalid_field", "user_id"),
        (active(user_id="1\n"), "invalid_field", "user_id"),
        (active(user_id="1\x9f"), "invalid_field", "user_id"),
        (active(occurred_at=1795341600), "invalid_field", "occurred_at"),
        (active(occurred_at="yesterday"), "invalid_field", "occurred_at"),
        (registered(name=None), "invalid_field", "name"),
        (registered(name=" \u202e\x00 "), "invalid_field", "name"),
        (registered(name="n" * 201), "invalid_field", "name"),
        (active(type="user.deleted"), "unknown_type", "type"),
        (active(type="engagement.tick"), "unknown_type", "type"),
        (active(type="User.Active"), "unknown_type", "type"),
        (active(user_id="13"), "key_mismatch", "record key"),
        (active(occurred_at="2026-11-22T10:05:00.000001Z"), "future_time", "occurred_at"),
    ],
)
def test_every_reason_and_the_field_it_is_about(value: bytes | None, reason: str, field: str) -> None:
    actual, detail = reason_of(value)
    assert (actual, detail.split(":")[0]) == (reason, field)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "null_value"),
        (b"[" * 1001, "too_large"),
        (b"[]", "bad_json"),
        (tick(at=...), "missing_field"),
        (tick(type=...), "missing_field"),
        (tick(tick_id=None), "invalid_field"),
        (tick(tick_id=""), "invalid_field"),
        (tick(tick_id="t" * 129), "invalid_field"),
        (tick(tick_id=..., at="2026-11-22T10:00:00." + "0" * 120 + "Z"), "invalid_field"),
        (tick(at="now"), "invalid_field"),
        (tick(type=1), "invalid_field"),
        (active(at="2026-11-22T10:00:00Z"), "unknown_type"),
        (tick(at="2026-11-22T10:05:01Z"), "future_time"),
    ],
)
def test_every_reason_of_ticks(value: bytes | None, reason: str) -> None:
    assert reason_of(value, decode_tick)[0] == reason


WRONG_AFTER_PARSING: dict[str, dict[str, Any]] = {
    "missing_field": {"name": ...},
    "invalid_field": {"user_id": 5},
    "unknown_type": {"type": "user.unknown"},
    "key_mismatch": {"user_id": "13"},
    "future_time": {"occurred_at": "2027-01-01T00:00:00Z"},
}


@pytest.mark.parametrize(
    "present",
    [
        ["missing_field", "invalid_field", "future_time"],
        ["missing_field", "key_mismatch"],
        ["missing_field", "future_time"],
        ["invalid_field", "unknown_type", "future_time"],
        ["invalid_field", "unknown_type"],
        ["invalid_field", "future_time"],
        ["unknown_type", "key_mismatch", "future_time"],
        ["unknown_type", "future_time"],
        ["key_mismatch", "future_time"],
    ],
)
def test_where_several_reasons_apply_the_first_counts(present: list[str]) -> None:
    changes: dict[str, Any] = {}
    for reason in reversed(present):
        changes |= WRONG_AFTER_PARSING[reason]
    assert reason_of(registered(**changes))[0] == present[0]
    assert reason_of(with_field(b"NaN", registered(**changes)))[0] == "bad_json"
    assert reason_of(registered(**changes) + b" " * 1000)[0] == "too_large"


def test_an_unknown_type_needs_the_fields_that_every_event_has() -> None:
    assert reason_of(active(type="user.unknown", user_id=...))[0] == "missing_field"
    assert reason_of(active(type=5, occurred_at=...))[0] == "missing_field"


def test_the_size_that_is_allowed_is_allowed() -> None:
    assert decode_activity(record(active().ljust(1000)), LIMITS).user_id == "12"
    assert reason_of(active().ljust(1001))[0] == "too_large"


@pytest.mark.parametrize("key", [None, b"", b"12 ", b"\xff"])
def test_the_key_must_be_the_user_id(key: bytes | None) -> None:
    assert reason_of(active(), key=key)[0] == "key_mismatch"


def test_the_key_is_compared_as_utf_8() -> None:
    value = active(user_id="Žofie😉")
    assert decode_activity(record(value, key="Žofie😉".encode()), LIMITS).user_id == "Žofie😉"
    assert reason_of(value, key="Žofie😉".encode("utf-16"))[0] == "key_mismatch"


def test_the_future_begins_after_the_allowed_skew() -> None:
    allowed = active(occurred_at="2026-11-22T10:05:00Z")
    assert decode_activity(record(allowed), LIMITS).occurred_at == NOW + LIMITS.max_future_skew
    assert reason_of(allowed, at=NOW - timedelta(milliseconds=1))[0] == "future_time"


@pytest.mark.parametrize(("timestamp_ms", "accepted"), [(-1, False), (-(2**63), False), (2**63 - 1, True)])
def test_any_kafka_timestamp_can_be_compared_with(timestamp_ms: int, accepted: bool) -> None:
    strange = InputRecord("user-activity", 0, 0, timestamp_ms, b"12", active())
    assert outcome(decode_activity, strange) == (Activity("12", EARLIER) if accepted else "future_time")


def test_details_never_hold_the_input() -> None:
    secret = "hunter2"  # and no field name or rule has these letters
    for value in (
        active(type=secret),
        active(user_id=secret + "\n"),
        active(user_id=secret),
        active(occurred_at=secret),
        registered(name=secret * 99),
        with_field(secret.encode()),
        json.dumps([secret]).encode(),
        json.dumps({secret: secret}).encode(),
    ):
        assert secret not in "".join(reason_of(value))


# --- for all inputs ---

LABELS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=128)
NAMES = LABELS.map(lambda text: oracle.clean_name(text) or "Ann")
TIMES = st.datetimes(timezones=st.just(UTC), max_value=NOW.replace(tzinfo=None))


@given(st.builds(Activity, LABELS, TIMES, st.none() | NAMES))
def test_activity_survives_the_way_through_kafka(activity: Activity) -> None:
    sent = encode_activity(activity, "user-activity")
    assert decode_activity(record(sent.value, key=sent.key), ROOMY) == activity


@given(st.builds(Tick, LABELS, TIMES))
def test_ticks_survive_the_way_through_kafka(one: Tick) -> None:
    sent = encode_tick(one, "engagement-ticks")
    assert decode_tick(record(sent.value, key=sent.key), ROOMY) == one


# Small pieces of nearly right records: far likelier to reach the last rules than random bytes.
STRINGS = st.sampled_from(
    [
        *("", "12", "13", "a\x00", "Ann", "NaN", "\ud800", "😉", "\u202e"),
        *("user.active", "user.registered", "user.unknown", "engagement.tick"),
        *("2026-11-22T10:00:00Z", "2026-11-22T10:05:00.000001Z", "2026-11-22T25:00:00Z", "0000-12-31T23:00:00-01:30"),
    ]
)
ANYTHING = st.recursive(
    STRINGS | st.none() | st.booleans() | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STRINGS, inner, max_size=3),
    max_leaves=5,
)
FIELDS = ["type", "user_id", "name", "occurred_at", "at", "tick_id", "event_id", "Type", "", "note"]
# Pairs, not a dictionary, so that keys are repeated.
MEMBERS = st.lists(st.tuples(st.sampled_from(FIELDS), STRINGS | ANYTHING), max_size=4)


def json_of(members: list[tuple[str, Any]], ascii_only: bool) -> bytes:
    texts = (json.dumps(name) + ":" + json.dumps(value, ensure_ascii=ascii_only) for name, value in members)
    return ("{" + ", ".join(texts) + "}").encode("utf-8", "surrogatepass")


GOOD: list[tuple[str, Any]] = [
    ("type", "user.registered"),
    ("user_id", "12"),
    ("name", "Ann"),
    ("occurred_at", "2026-11-22T10:00:00Z"),
]
GOOD_TICK: list[tuple[str, Any]] = [("type", "engagement.tick"), ("at", "2026-11-22T10:00:00Z"), ("tick_id", "t")]
DOCUMENTS = st.builds(
    lambda start, more, ascii_only: json_of(start + more, ascii_only),
    st.sampled_from([GOOD, GOOD_TICK, GOOD[1:], GOOD_TICK[:2], []]),
    MEMBERS,
    st.booleans(),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A document with a piece replaced."""
    value = draw(DOCUMENTS)
    start, end = sorted(draw(st.tuples(st.integers(0, len(value)), st.integers(0, len(value)))))
    piece = draw(
        st.binary(max_size=3) | st.sampled_from([b"NaN", b"Infinity", b"\\ud800", b"\\u0000", b"[[", b"1e9", b"{}"])
    )
    return value[:start] + piece + value[end if draw(st.booleans()) else start :]


def outcome(decode: Any, one: InputRecord) -> object:
    try:
        return decode(one, LIMITS)
    except RejectedRecordError as rejection:
        return rejection.reason


def outcome_of_the_oracle(read: Any, one: InputRecord) -> object:
    limits = oracle.Limits(max_record_bytes=LIMITS.max_record_bytes)
    as_read = oracle.InputRecord(one.topic, one.partition, one.offset, one.timestamp, one.key, one.value)
    try:
        return read(as_read, limits)
    except oracle.RejectedError as rejection:
        return str(rejection)


@given(DOCUMENTS | damaged() | st.binary(), st.sampled_from([b"12", None, b"13"]))
@example(json_of(GOOD, ascii_only=True), b"12")
def test_activity_is_read_or_rejected_as_the_oracle_says(value: bytes, key: bytes | None) -> None:
    one = record(value, key=key)
    actual, expected = outcome(decode_activity, one), outcome_of_the_oracle(oracle.read_event, one)
    if isinstance(actual, Activity):
        actual = oracle.Event(actual.user_id, oracle.microseconds(actual.occurred_at), actual.name)
    assert actual == expected


@given(DOCUMENTS | damaged() | st.binary())
@example(json_of(GOOD_TICK, ascii_only=True))
def test_ticks_are_read_or_rejected_as_the_oracle_says(value: bytes) -> None:
    actual = outcome(decode_tick, record(value))
    if isinstance(actual, Tick):
        actual = oracle.Tick(actual.tick_id, oracle.microseconds(actual.at))
    assert actual == outcome_of_the_oracle(oracle.read_tick, record(value))


@given(DOCUMENTS | damaged())
@example(json_of(GOOD, ascii_only=True))
def test_the_fast_and_the_exact_way_of_reading_agree(value: bytes) -> None:
    # The word NaN, though harmless in a string, sends a record the exact way; white space doesn't.
    if value.startswith(b"{") and value.strip() != b"{}":
        exact = b'{"note":"NaN",' + value[1:]
        for decode in (decode_activity, decode_tick):
            assert outcome(decode, record(exact)) == outcome(decode, record(value))


def test_the_latest_time_can_be_read_and_compared() -> None:
    value = active(occurred_at="9999-12-31T23:59:59.999999Z")
    assert decode_activity(record(value, at=LATEST - MICROSECOND), LIMITS).occurred_at == LATEST
