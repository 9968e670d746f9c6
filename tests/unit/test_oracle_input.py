"""The oracle's reading of input records: times, names, JSON and the reasons of dead letters."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests import oracle
from tests.oracle import SECOND, InputRecord, Limits, Thresholds
from tests.unit.oracle_log import NOON, NOON_US, Log, ago

GOOD = {"type": "user.active", "user_id": "1", "occurred_at": NOON}
REGISTRATION = {**GOOD, "type": "user.registered", "name": "Ana"}
LATE = oracle.written(NOON_US + 300 * SECOND + 1)


def reason_of(read: Callable[[InputRecord, Limits], object], value: object, key: bytes | None = b"1") -> str | None:
    content = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
    try:
        read(Log().raw(content, key), Limits())
    except oracle.RejectedError as rejected:
        return str(rejected)
    return None


@pytest.mark.parametrize(
    ("value", "key", "reason"),
    [
        # Each wrong in every later way too, so that the order of reasons is tested.
        (None, None, "null_value"),
        (b"\xff" * 65537, None, "too_large"),
        (b"", None, "bad_json"),
        ({"type": "other", "occurred_at": LATE.lower()}, None, "missing_field"),
        ({"type": "other", "user_id": "", "occurred_at": LATE}, None, "invalid_field"),
        ({"type": "other", "user_id": "1", "occurred_at": LATE}, None, "unknown_type"),
        ({"type": "user.active", "user_id": "1", "occurred_at": LATE}, None, "key_mismatch"),
        ({"type": "user.active", "user_id": "1", "occurred_at": LATE}, b"1", "future_time"),
        # Size and time at their limits.
        (json.dumps(GOOD).encode().ljust(65536), b"1", None),
        (json.dumps(GOOD).encode().ljust(65537), b"1", "too_large"),
        ({**GOOD, "occurred_at": oracle.written(NOON_US + 300 * SECOND)}, b"1", None),
        # What is no JSON object in UTF-8.
        (b"\xef\xbb\xbf{}", b"1", "bad_json"),
        (json.dumps(GOOD).encode("utf-16"), b"1", "bad_json"),
        (b'{"type": "\xed\xa0\x80"}', b"1", "bad_json"),
        (b'{"x": ["\\ud83d"], "x": 1}', b"1", "bad_json"),
        (b'{"\\udc00": 1}', b"1", "bad_json"),
        (b'{"x": NaN}', b"1", "bad_json"),
        (b'{"x": -Infinity}', b"1", "bad_json"),
        (b'{"x": 01}', b"1", "bad_json"),
        (b'{"x": 1,}', b"1", "bad_json"),
        (b'{"x": "\n"}', b"1", "bad_json"),
        (b"{} {}", b"1", "bad_json"),
        (b"[]", b"1", "bad_json"),
        (b"null", b"1", "bad_json"),
        # Ignored fields hold whatever they like.
        ({**GOOD, "name": 7, "event_id": [{"a": [None, "\U0001f600"]}]}, b"1", None),
        (json.dumps(GOOD).encode()[:-1] + b', "x": ' + b"9" * 5000 + b"}", b"1", None),
        (json.dumps(GOOD).encode()[:-1] + b', "x": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", b"1", None),
        # Of a repeated key the last counts.
        (b'{"user_id": 7, ' + json.dumps(GOOD).encode()[1:], b"1", None),
        (json.dumps(GOOD).encode()[:-1] + b', "user_id": 7}', b"1", "invalid_field"),
        # Fields.
        ({**GOOD, "type": 7}, b"1", "invalid_field"),
        ({**GOOD, "type": "user.registered"}, b"1", "missing_field"),
        ({**GOOD, "type": "engagement.tick"}, b"1", "unknown_type"),
        ({**GOOD, "user_id": "é" * 128}, ("é" * 128).encode(), None),
        ({**GOOD, "user_id": "é" * 129}, ("é" * 129).encode(), "invalid_field"),
        ({**GOOD, "user_id": "a\x85"}, "a\x85".encode(), "invalid_field"),
        ({**GOOD, "user_id": "a\u202e "}, "a\u202e ".encode(), None),
        ({**GOOD, "user_id": None}, b"1", "invalid_field"),
        ({**GOOD, "user_id": {"user_id": "1"}}, b"1", "invalid_field"),
        ({**GOOD, "occurred_at": 1_795_348_800}, b"1", "invalid_field"),
        ({**GOOD, "occurred_at": NOON.lower()}, b"1", "invalid_field"),
        ({**REGISTRATION, "name": None}, b"1", "invalid_field"),
        ({**REGISTRATION, "name": " \u202e\t\u3000\x00"}, b"1", "invalid_field"),
        ({**REGISTRATION, "name": " \u202e" + "x" * 200 + "\x00\n"}, b"1", None),
        ({**REGISTRATION, "name": "x" * 201}, b"1", "invalid_field"),
        (GOOD, b"1 ", "key_mismatch"),
    ],
)
def test_activity_is_a_dead_letter_for_the_first_reason_that_applies(
    value: object, key: bytes | None, reason: str | None
) -> None:
    assert reason_of(oracle.read_event, value, key) == reason


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "null_value"),
        (b"\xff" * 65537, "too_large"),
        (b"{", "bad_json"),
        ({"type": "other", "tick_id": 7}, "missing_field"),
        ({"type": "other", "at": LATE, "tick_id": 7}, "invalid_field"),
        ({"type": "other", "at": LATE}, "unknown_type"),
        ({"type": "engagement.tick", "at": LATE}, "future_time"),
        ({"type": "engagement.tick", "at": NOON, "tick_id": None}, "invalid_field"),
        ({"type": "engagement.tick", "at": NOON, "tick_id": "x" * 129}, "invalid_field"),
        ({"type": "engagement.tick", "at": NOON, "tick_id": "x" * 128, "user_id": 7}, None),
        ({"type": "engagement.tick", "at": ""}, "invalid_field"),
    ],
)
def test_a_tick_is_a_dead_letter_for_the_first_reason_that_applies(value: object, reason: str | None) -> None:
    assert reason_of(oracle.read_tick, value, b"any key") == reason


def test_other_limits_than_the_defaults_count() -> None:
    log = Log()
    early, late, long = (
        log.active(user, ago(-skew)) for user, skew in [("1", SECOND), ("2", SECOND + 1), ("3" * 99, 0)]
    )
    log.tick(NOON)
    limits = Limits(max_future_skew_seconds=1, max_record_bytes=len(late.value or b""), event_source="/elsewhere")
    barriers = oracle.explicit_barriers({0: {0: 3}})
    thresholds = Thresholds(inactivity=-2 * SECOND)
    expected = oracle.expect([early, late, long], log.produced[3:], barriers, thresholds=thresholds, limits=limits)
    assert [letter.reason for letter in expected.dead_letters] == ["future_time", "too_large"]
    assert [dict(message.headers)["ce_source"] for message in expected.messages] == [b"/elsewhere"]


def test_a_name_loses_controls_and_surrounding_space() -> None:
    assert oracle.clean_name("\u2066 \tA\x00n\u202ea  B \u2069\n") == "Ana  B"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00.000000Z"),
        ("2026-11-22T10:00:00.1234569+05:30", "2026-11-22T04:30:00.123456Z"),
        ("2026-11-22T10:00:00.5-23:59", "2026-11-23T09:59:00.500000Z"),
        ("1969-12-31T23:59:59.9999999Z", "1969-12-31T23:59:59.999999Z"),
        ("2024-02-29T00:00:00-00:00", "2024-02-29T00:00:00.000000Z"),
        ("0000-12-31T23:59:00-00:01", "0001-01-01T00:00:00.000000Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ("0001-01-01T00:00:00+00:01", None),
        ("9999-12-31T23:59:00-00:01", None),
        ("0000-01-01T00:00:00Z", None),
        ("2026-02-29T00:00:00Z", None),
        ("2026-11-22T24:00:00Z", None),
        ("2016-12-31T23:59:60Z", None),
        ("2026-11-22t10:00:00Z", None),
        ("2026-11-22T10:00:00z", None),
        ("2026-11-22 10:00:00Z", None),
        ("2026-11-22T10:00Z", None),
        ("2026-11-22T10:00:00", None),
        ("2026-11-22T10:00:00.Z", None),
        ("2026-11-22T10:00:00,5Z", None),
        ("2026-11-22T10:00:00+24:00", None),
        ("2026-11-22T10:00:00+0100", None),
        ("2026-11-22T10:00:00+01:60", None),
        ("٢٠٢٦-11-22T10:00:00Z", None),
        (" 2026-11-22T10:00:00Z", None),
        ("2026-11-22T10:00:00Z\n", None),
        ("20261122T100000Z", None),
        ("1795348800", None),
    ],
)
def test_times_are_read_strictly_and_written_in_utc_with_six_decimals(text: str, written: str | None) -> None:
    at = oracle.parse_time(text)
    assert (at if at is None else oracle.written(at)) == written


@settings(deadline=None)
@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)), st.integers(-1439, 1439))  # noqa: DTZ001  # naive by API
def test_a_time_with_an_offset_is_the_same_moment(naive: datetime, minutes: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert oracle.parse_time(moment.isoformat()) == oracle.microseconds(moment)
    assert (
        oracle.written(oracle.microseconds(moment))[:-1] == moment.astimezone(UTC).isoformat("T", "microseconds")[:26]
    )


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=50)
@given(JSON_VALUES, st.integers(0, 60), st.sampled_from(["", *'{}[]:,"\\ -0.e\x00\ufeff\u00a0']), st.booleans())
@example({"a": 1}, 0, "\ufeff", False)
def test_json_is_read_as_the_standard_library_reads_it(value: object, place: int, put: str, ascii_only: bool) -> None:
    """A document with one character replaced: mostly broken, now and then not."""
    text = json.dumps(value, ensure_ascii=ascii_only)
    text = text[:place] + put + text[place + 1 :]
    try:
        read = json.loads(text, parse_constant=int)  # a ValueError for NaN and the like
        text.encode(), json.dumps(read, ensure_ascii=False).encode()  # another one for lone surrogates
    except ValueError:
        read = None
    if isinstance(read, dict):
        members = {key: member if isinstance(member, str) else None for key, member in read.items()}
        assert oracle.read_object(text) == members
    else:
        with pytest.raises(ValueError, match=r"JSON|object|expected|surrogate"):
            oracle.read_object(text)
