"""The oracle and the comparer are judged by hand here: whatever they let through, no later test can see."""

import ast
import json
import sys
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests import differences as comparer
from tests import oracle, oracle_input
from tests.oracle import DAY, HOUR, SECOND, Event, Expected, InputRecord, Limits, Thresholds, User

NOON = "2026-11-22T12:00:00Z"
NOON_MS = 1_795_348_800_000
NOON_US = NOON_MS * 1000
SEED_THRESHOLDS = Thresholds(inactivity=60 * SECOND)


def ago(duration: int) -> str:
    return oracle.written(NOON_US - duration)


class Log:
    """Activity (two partitions) and ticks in the order in which they are produced, all stamped with noon."""

    def __init__(self) -> None:
        self.produced: list[InputRecord] = []

    def raw(
        self, value: bytes | None, key: bytes | None = b"1", topic: str = "activity", partition: int = 0
    ) -> InputRecord:
        offset = sum((record.topic, record.partition) == (topic, partition) for record in self.produced)
        self.produced.append(InputRecord(topic, partition, offset, NOON_MS, key, value, (("trace", b"\x00"),)))
        return self.produced[-1]

    def active(self, user_id: str, occurred_at: str, partition: int = 0) -> InputRecord:
        event = {"type": "user.active", "user_id": user_id, "occurred_at": occurred_at}
        return self.raw(json.dumps(event).encode(), user_id.encode(), partition=partition)

    def registered(self, user_id: str, name: str, occurred_at: str, partition: int = 0) -> InputRecord:
        event = {"type": "user.registered", "user_id": user_id, "name": name, "occurred_at": occurred_at}
        return self.raw(json.dumps(event).encode(), user_id.encode(), partition=partition)

    def tick(self, at: str, **other: object) -> InputRecord:
        tick = {"type": "engagement.tick", "at": at, **other}
        return self.raw(json.dumps(tick).encode(), None, "ticks")

    def expect(self, thresholds: Thresholds = oracle.DEFAULT_THRESHOLDS, coalesced: tuple[int, ...] = ()) -> Expected:
        ticks = [record for record in self.produced if record.topic == "ticks"]
        activity = [record for record in self.produced if record.topic == "activity"]
        barriers = oracle.barriers_in_order(self.produced, "ticks", shards=2)
        return oracle.expect(activity, ticks, barriers, thresholds=thresholds, coalesced=coalesced)


def seed_log() -> Log:
    """Make the fifteen users: 1-4 active, 5-7 messaged half a day ago, 8-12 dormant, 13-14 new, 15 normal."""
    log = Log()
    for user in (5, 6, 7):
        log.registered(str(user), f"User {user}", ago(20 * DAY), partition=user % 2)
    log.tick(ago(12 * HOUR), tick_id="half a day ago")
    for user in range(1, 16):
        name = {4: "Active Alice", 12: "Ghost Gary"}.get(user, f"User {user}")
        age = 5 * HOUR if user in (13, 14) else 30 * DAY
        idle = 30 * SECOND if user <= 4 else 5 * DAY if 8 <= user <= 12 else 2 * HOUR
        log.registered(str(user), name, ago(age), partition=user % 2)
        log.active(str(user), ago(idle), partition=user % 2)
    log.tick(NOON, tick_id="noon")
    return log


def test_the_fifteen_users_of_the_demo_give_its_figures() -> None:
    expected = seed_log().expect(SEED_THRESHOLDS)
    figures = {"dormant": 5, "new_user": 2, "normal": 1}
    assert expected.cycles[1].value == {
        "status": "Cycle complete",
        "total_users": 15,
        "messages_sent": 8,
        "users_skipped": 7,
        "segment_breakdown": figures,
        "detailed_stats": {
            "total_users": 15,
            "eligible": 8,
            "skipped": 7,
            "by_segment": figures,
            "skip_reasons": {"active": 4, "recently_messaged": 3},
        },
        "tick_id": "noon",
        "at": "2026-11-22T12:00:00.000000Z",
        "shards": {"evaluated": 2, "coalesced": 0},
    }
    assert expected.cycles[1].key == b"noon"
    assert [message.key for message in expected.messages[:3]] == [b"6", b"5", b"7"]
    assert len(expected.messages) == 3 + 8
    assert not expected.dead_letters


def test_a_message_is_whole_and_its_id_follows_from_time_and_user() -> None:
    namespace = uuid.uuid5(uuid.NAMESPACE_URL, "urn:engagement-decision-engine:message")
    message_id = str(uuid.uuid5(namespace, "2026-11-22T12:00:00.000000Z/12"))
    assert message_id == "ef6a01c5-877c-53d5-8d7a-3037fd59b5af"
    message = next(m for m in seed_log().expect(SEED_THRESHOLDS).messages if m.key == b"12")
    assert message.value == {
        "message_id": message_id,
        "type": "CLIENT_ENGAGEMENT_BRAND",
        "user_id": "12",
        "content": "Hey Ghost Gary, we miss you! 😉",
        "segment": "dormant",
        "tone": "playful",
        "reason": "eligible",
        "tick_id": "noon",
        "decided_at": "2026-11-22T12:00:00.000000Z",
    }
    assert dict(message.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": message_id.encode(),
        "ce_type": b"CLIENT_ENGAGEMENT_BRAND",
        "ce_source": b"/engagement-decision-engine",
        "ce_time": b"2026-11-22T12:00:00.000000Z",
        "content-type": b"application/json",
    }


def test_each_tone_has_its_own_greeting() -> None:
    assert oracle.greeting("warm", "Ana") == "Welcome, Ana! We're so glad you're here! 🌟"
    assert oracle.greeting("neutral", "there") == "Hi there, just checking in! 👋"


@pytest.mark.parametrize(
    ("idle", "since", "age", "reason", "segment"),
    [
        (-1, None, 0, "active", None),
        (60 * SECOND, None, 9 * DAY, "active", None),
        (60 * SECOND + 1, None, 9 * DAY, "eligible", "normal"),
        (HOUR, 24 * HOUR - 1, 9 * DAY, "recently_messaged", None),
        (HOUR, 24 * HOUR, 9 * DAY, "eligible", "normal"),
        (60 * SECOND, 0, 9 * DAY, "active", None),
        (3 * DAY - 1, None, 9 * DAY, "eligible", "normal"),
        (3 * DAY, None, 9 * DAY, "eligible", "dormant"),
        (HOUR, None, DAY - 1, "eligible", "new_user"),
        (HOUR, None, DAY, "eligible", "normal"),
    ],
)
def test_each_boundary_is_exact_to_the_microsecond(
    idle: int, since: int | None, age: int, reason: str, segment: str | None
) -> None:
    user = User("1", "Ana", NOON_US - age, NOON_US - idle, None if since is None else NOON_US - since)
    verdict = oracle.evaluate_all([user], NOON_US, SEED_THRESHOLDS)["1"]
    assert (verdict.reason, verdict.segment) == (reason, segment)


def test_a_dormant_new_user_is_dormant() -> None:
    thresholds = Thresholds(inactivity=SECOND, dormant=HOUR, new_user=DAY)
    verdict = oracle.evaluate(User("1", "Ana", NOON_US - HOUR, NOON_US - HOUR), NOON_US, thresholds)
    assert (verdict.segment, verdict.tone) == ("dormant", "playful")


REGISTERED = [Event("1", 20, "Ana"), Event("1", 30, "Bea"), Event("1", 30, "Zoë")]


@settings(deadline=None)
@given(st.permutations([Event("1", 10, None), Event("1", 40, None), *REGISTERED]), st.integers(0, 4))
def test_order_and_repetition_of_events_do_not_matter(events: list[Event], again: int) -> None:
    assert oracle.user_of([*events, events[again]], None) == User("1", "Zoë", created_at=20, last_active=40)


def test_a_user_without_a_registration_dates_from_the_first_event_and_has_no_name() -> None:
    assert oracle.user_of([Event("1", 40, None), Event("1", 10, None)], None) == User("1", "there", 10, 40)


def test_a_tick_sees_what_was_produced_before_it_and_no_more() -> None:
    log = Log()
    log.active("1", ago(4 * DAY))
    log.tick(ago(HOUR))
    log.active("1", ago(2 * DAY), partition=1)
    log.active("2", ago(2 * DAY))
    log.tick(NOON)
    expected = log.expect()
    assert [cycle.value["total_users"] for cycle in expected.cycles] == [1, 2]
    assert [(m.key, m.value["segment"]) for m in expected.messages] == [(b"1", "dormant"), (b"2", "normal")]


def test_barriers_may_be_given_but_never_go_back() -> None:
    log = Log()
    activity = [log.active("1", ago(4 * DAY)), log.active("2", ago(4 * DAY))]
    ticks = [log.tick(ago(HOUR)), log.tick(NOON)]
    forward = oracle.explicit_barriers({0: {0: 1}, 1: {0: 2, 1: 0}})
    cycles = oracle.expect(activity, ticks, forward).cycles
    assert [(cycle.value["total_users"], cycle.value["shards"]) for cycle in cycles] == [
        (1, {"evaluated": 1, "coalesced": 0}),
        (2, {"evaluated": 2, "coalesced": 0}),
    ]
    with pytest.raises(ValueError, match="can't see less"):
        oracle.expect(activity, ticks, oracle.explicit_barriers({0: {0: 2}, 1: {0: 1}}))


def test_a_tick_not_later_than_a_usable_one_before_it_is_stale() -> None:
    log = Log()
    log.active("1", ago(4 * DAY))
    log.tick("2999-01-01T00:00:00Z")
    for at in (ago(HOUR), ago(HOUR), ago(2 * HOUR), NOON):
        log.tick(at)
    expected = log.expect()
    assert [cycle.value["at"] for cycle in expected.cycles] == [ago(HOUR), ago(0)]
    assert [letter.reason for letter in expected.dead_letters] == ["future_time"]
    assert len(expected.messages) == 1


def test_a_coalesced_tick_counts_nothing_and_messages_nobody() -> None:
    log = Log()
    log.active("1", ago(4 * DAY))
    log.tick(ago(HOUR), tick_id="waited")
    log.tick(NOON)
    log.tick(ago(HOUR))
    expected = log.expect(coalesced=(0,))
    value = expected.cycles[0].value
    assert (value["status"], value["total_users"], value["tick_id"]) == ("Cycle coalesced", 0, "waited")
    assert value["shards"] == {"evaluated": 0, "coalesced": 2}
    assert [m.value["decided_at"] for m in expected.messages] == [ago(0)]
    assert len(expected.cycles) == 2


def test_a_ticks_label_is_its_time_as_written_unless_it_has_one() -> None:
    assert oracle.read_tick(Log().tick("2026-11-22T13:00:00+01:00"), Limits()) == oracle.Tick(
        "2026-11-22T13:00:00+01:00", NOON_US
    )


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


# --- The comparer ---


def as_read(expected: Expected) -> tuple[list[InputRecord], list[InputRecord], list[InputRecord]]:
    """Show what a perfect engine's output topics would hold."""
    messages = [
        InputRecord("messages", 0, i, 5, record.key, json.dumps(record.value).encode(), record.headers[::-1])
        for i, record in enumerate(expected.messages)
    ]
    cycles = [
        InputRecord("cycles", 0, i, 5, record.key, json.dumps(record.value).encode(), (("free", None),))
        for i, record in enumerate(expected.cycles)
    ]
    return messages, cycles, [as_dead_letter(i, letter) for i, letter in enumerate(expected.dead_letters)]


def as_dead_letter(offset: int, letter: oracle.DeadLetter, **changed: str) -> InputRecord:
    record = letter.record
    origin = {"topic": record.topic, "partition": str(record.partition), "offset": str(record.offset)}
    added = {"reason": letter.reason, "detail": "why", **origin, "timestamp": str(record.timestamp_ms), **changed}
    headers = tuple((f"engagement.error.{name}", text.encode()) for name, text in added.items())
    return replace(record, topic="dead", partition=0, offset=offset, headers=(*record.headers, *headers))


def seed_with_dead_letters() -> Expected:
    log = seed_log()
    log.raw(None)
    log.raw(b"x" * 70_000)
    return log.expect(SEED_THRESHOLDS)


def test_a_perfect_engine_shows_no_difference() -> None:
    expected = seed_with_dead_letters()
    assert comparer.differences(expected, *as_read(expected)) == []


def test_whatever_is_missing_is_found() -> None:
    expected = seed_with_dead_letters()
    found = comparer.differences(expected, [], [], [])
    figures = {
        kind: sum(line.startswith(f"missing {kind} ") for line in found) for kind in ("message", "cycle", "dead letter")
    }
    assert figures == {"message": 11, "cycle": 2, "dead letter": 2}
    assert len(found) == 15


def test_whatever_comes_twice_is_found() -> None:
    expected = seed_with_dead_letters()
    read = as_read(expected)
    found = comparer.differences(expected, *([*records, replace(records[0], offset=99)] for records in read))
    assert [line.split()[0] for line in found] == ["repeated"] * 3
    assert "messages/0/0, messages/0/99" in found[0]


def test_whatever_is_not_expected_is_found() -> None:
    nothing = Expected((), (), ())
    found = comparer.differences(nothing, *as_read(seed_with_dead_letters()))
    assert len(found) == 15
    assert all(line.startswith("unexpected ") for line in found)


@pytest.mark.parametrize("value", [None, b"no JSON", b"[]", b"\xff", b"{}", b'{"message_id": "a", "message_id": "a"}'])
def test_what_no_reader_can_read_is_unexpected(value: bytes | None) -> None:
    found = comparer.message_differences([], [InputRecord("messages", 0, 0, 5, b"1", value)])
    assert [line.split(" at ")[0] for line in found] == ["unexpected message without message_id"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"key": b"2"}, "key"),
        ({"headers": ()}, "header ce_id"),
        ({"headers": (("ce_id", b"x"), ("ce_id", b"x"))}, "header ce_id"),
        ({"headers": (("more", b"x"),)}, "header more"),
    ],
)
def test_an_altered_message_is_found_by_key_and_header(change: dict[str, object], field: str) -> None:
    expected = seed_with_dead_letters()
    messages, cycles, letters = as_read(expected)
    messages[0] = replace(messages[0], **change)  # type: ignore[arg-type]  # one of the fields, of its own type
    found = comparer.differences(expected, messages, cycles, letters)
    assert all(line.startswith("altered message ") for line in found)
    assert any(f": {field} is " in line for line in found)


def test_a_header_that_comes_twice_is_found() -> None:
    expected = seed_with_dead_letters()
    message = as_read(expected)[0][0]
    twice = replace(message, headers=(*message.headers, message.headers[0]))
    assert len(comparer.message_differences(expected.messages[:1], [twice])) == 1


@pytest.mark.parametrize("field", ["type", "user_id", "content", "segment", "tone", "reason", "tick_id", "decided_at"])
def test_an_altered_or_absent_field_of_a_message_is_found(field: str) -> None:
    expected = seed_with_dead_letters()
    message = as_read(expected)[0][0]
    members = json.loads(message.value or b"")
    for changed in ({**members, field: 1}, {name: members[name] for name in members if name != field}):
        altered = replace(message, value=json.dumps(changed).encode())
        found = comparer.message_differences(expected.messages[:1], [altered])
        assert [line.split(": ")[1].split()[0] for line in found] == [f"value.{field}"]


def test_an_altered_figure_of_a_cycle_is_found_even_as_another_kind_of_number() -> None:
    expected = seed_with_dead_letters()
    cycle = as_read(expected)[1][1]
    members = json.loads(cycle.value or b"")
    members["detailed_stats"]["by_segment"]["normal"] = True
    members["shards"]["evaluated"] = 2.0
    altered = replace(cycle, value=json.dumps(members).encode())
    found = comparer.cycle_differences(expected.cycles[1:], [altered])
    assert [line.split(": ")[1] for line in found] == [
        "value.detailed_stats.by_segment.normal is true instead of 1",
        "value.shards.evaluated is 2.0 instead of 2",
    ]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"key": b"2"}, "key"),
        ({"value": b""}, "value"),
        ({"timestamp_ms": 1}, "timestamp"),
        ({"reason": "bad_json"}, "header engagement.error.reason"),
        ({"timestamp": "1"}, "header engagement.error.timestamp"),
        ({"detail": ""}, "header engagement.error.detail"),
    ],
)
def test_an_altered_dead_letter_is_found(change: dict[str, object], field: str) -> None:
    letter = seed_with_dead_letters().dead_letters[0]
    headers = {name: text for name, text in change.items() if isinstance(text, str)}
    fields = {name: content for name, content in change.items() if name not in headers}
    record = replace(as_dead_letter(0, letter, **headers), **fields)  # type: ignore[arg-type]  # as above
    assert [line.split(": ")[1].split(" is ")[0] for line in comparer.dead_letter_differences([letter], [record])] == [
        field
    ]


def test_the_first_64_kib_of_a_dead_letter_stand_for_it_when_marked() -> None:
    letter = seed_with_dead_letters().dead_letters[1]
    head = (letter.record.value or b"")[:65536]
    marked = replace(as_dead_letter(0, letter, truncated="true", length="70000"), value=head)
    assert comparer.dead_letter_differences([letter], [marked]) == []
    for wrong in (
        replace(as_dead_letter(0, letter), value=head),
        replace(marked, value=head[1:]),
        replace(as_dead_letter(0, letter, truncated="true", length="65536"), value=head),
    ):
        assert comparer.dead_letter_differences([letter], [wrong])
    short = oracle.DeadLetter(replace(letter.record, value=b"{"), "bad_json")
    assert comparer.dead_letter_differences([short], [as_dead_letter(0, short, truncated="true", length="1")])


@pytest.mark.parametrize(
    ("text", "signed"),
    [("21", -973932308), ("foobar", -790332482), ("a-little-bit-long-string", -985981536), ("abc", 479470107)],
)
def test_keys_are_hashed_as_kafka_hashes_them(text: str, signed: int) -> None:
    """The figures of Kafka's own test of its hash."""
    assert comparer.murmur2(text.encode()) == signed % 2**32
    assert comparer.default_partition(text.encode(), 7) == signed % 2**31 % 7


def test_a_record_in_the_wrong_partition_is_found() -> None:
    right = comparer.default_partition(b"12", 4)
    records = [InputRecord("messages", partition, 0, 5, b"12", b"") for partition in range(4)]
    assert len(comparer.misplaced(records, 4)) == 3
    assert comparer.misplaced([records[right], InputRecord("messages", 3, 0, 5, None, b"")], 4) == []


@pytest.mark.parametrize(("module", "besides"), [(oracle_input, set()), (oracle, {"tests"}), (comparer, {"tests"})])
def test_the_judge_uses_the_standard_library_only(module: object, besides: set[str]) -> None:
    tree = ast.parse(Path(str(getattr(module, "__file__", ""))).read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} - sys.stdlib_module_names == besides
