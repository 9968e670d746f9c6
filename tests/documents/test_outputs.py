"""Whatever the engine writes or answers is what the schemas allow."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from jsonschema import ValidationError

from adapters.codec import (
    Limits,
    dead_letter,
    decode_activity,
    decode_tick,
    encode_activity,
    encode_cycle,
    encode_message,
    encode_tick,
)
from domain.cycles import Cycle, Figures
from domain.errors import RejectedRecordError
from domain.events import Activity, Tick
from domain.explanation import user_record
from domain.known_user import KnownUser, LoggedMessage, TickOutcome, account_of
from domain.messages import EngagementMessage, generate_message, message_id
from domain.policy import Policy
from domain.records import InputRecord, OutgoingRecord
from domain.segmentation import Segment, Tone, get_tone_for_segment
from domain.users import User
from tests.documents.schemas import schema_of, validator_of

LABELS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=128)
# A name as it comes out of a registration: stripped, at most 200 long.
NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\u202e"), max_size=200).map(
    str.strip
)
TIMES = st.datetimes(timezones=st.just(UTC))
COUNTS = st.integers(0, 2**40)


@st.composite
def messages(draw: st.DrawFn) -> EngagementMessage:
    user_id, decided_at, segment = draw(LABELS), draw(TIMES), draw(st.sampled_from(Segment))
    tone = get_tone_for_segment(segment)
    content = generate_message(tone, draw(st.none() | NAMES))
    return EngagementMessage(message_id(user_id, decided_at), user_id, content, segment, tone, draw(LABELS), decided_at)


def check(schema: str, record: OutgoingRecord) -> Any:
    payload = json.loads(record.value or b"")
    validator_of(schema).validate(payload)
    return payload


def texts(record: OutgoingRecord) -> dict[str, str]:
    """The headers as a reader sees them, the last of each name."""
    return {name: (value or b"").decode() for name, value in record.headers}


@given(messages(), st.text(st.sampled_from([chr(code) for code in range(0x21, 0x7F)]), min_size=1, max_size=200))
def test_every_message_and_its_headers(message: EngagementMessage, source: str) -> None:
    record = encode_message(message, "engagement-messages", source)
    payload, headers = check("engagement.message", record), texts(record)
    validator_of("engagement.message.headers").validate(headers)
    assert record.key == payload["user_id"].encode()
    assert (headers["ce_id"], headers["ce_type"]) == (payload["message_id"], payload["type"])
    assert (headers["ce_time"], headers["ce_source"]) == (payload["decided_at"], source)


@given(st.builds(Cycle, LABELS, TIMES, COUNTS, COUNTS, st.builds(Figures, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)))
def test_every_cycle(cycle: Cycle) -> None:
    record = encode_cycle(cycle, "engagement-cycles")
    assert record.key == check("engagement.cycle", record)["tick_id"].encode()
    assert texts(record) == {"content-type": "application/json"}


@given(LABELS, TIMES, NAMES)
def test_every_test_event_and_tick(label: str, at: Any, name: str) -> None:
    check("user.active", encode_activity(Activity(label, at), "user-activity"))
    if name:
        check("user.registered", encode_activity(Activity(label, at, name), "user-activity"))
    check("engagement.tick", encode_tick(Tick(label, at), "engagement-ticks"))


# --- users ---

DAY = timedelta(days=1)
POLICY = Policy(DAY, DAY, 3 * DAY, DAY)
MOMENTS = st.integers(0, 6).map(lambda days: datetime(2026, 11, 20, tzinfo=UTC) + days * DAY) | TIMES


@st.composite
def known_users(draw: st.DrawFn) -> KnownUser:
    """Anybody, messaged or not, whose times are often near that of the last cycle."""
    logged = [
        LoggedMessage(replace(draw(messages()), decided_at=at), draw(st.sampled_from(["decided", "sent"])))
        for at in sorted(draw(st.lists(MOMENTS, max_size=2, unique=True)))
    ]
    last_messaged = logged[-1].message.decided_at if logged else draw(st.none() | MOMENTS)
    first_seen, last_active = sorted([draw(MOMENTS), draw(MOMENTS)])
    registered_at = draw(st.none() | MOMENTS.filter(first_seen.__le__))
    name = None if registered_at is None else draw(NAMES.filter(bool))
    user = User(draw(LABELS), first_seen, last_active, registered_at, name, registered_at, last_messaged)
    shards = st.tuples(st.integers(0, 2), st.integers(0, 2)).filter(any)
    cycle = Cycle(draw(LABELS), draw(MOMENTS), *draw(shards), Figures()) if draw(st.integers(0, 5)) else None
    return KnownUser(user, draw(COUNTS), draw(st.none() | st.text()), cycle, tuple(logged))


@given(known_users())
@settings(max_examples=300)
def test_every_user(known: KnownUser) -> None:
    validator_of("http.user").validate(json.loads(json.dumps(user_record(known, POLICY))))


@pytest.mark.parametrize("outcome", TickOutcome)
def test_among_the_users_are_those_of_every_outcome(outcome: TickOutcome) -> None:
    def has_it(known: KnownUser) -> bool:
        return known.last_cycle is not None and account_of(known, known.last_cycle, POLICY).outcome is outcome

    # Raises where there is none; the simplest one would take longer to find.
    find(known_users(), has_it, settings=settings(max_examples=1_000, phases=[Phase.generate]))


def test_the_example_of_a_user_is_what_the_engine_would_answer() -> None:
    (example,) = schema_of("http.user")["examples"]
    at, registered_at = datetime(2026, 11, 22, 10, tzinfo=UTC), datetime(2026, 10, 1, 8, tzinfo=UTC)
    name = "Ghost Gary"
    user = User("12", registered_at, at - 5 * DAY, registered_at, name, registered_at, at)
    tick_id, content = "2026-11-22T10:00:00Z", generate_message(Tone.PLAYFUL, name)
    message = EngagementMessage(message_id("12", at), "12", content, Segment.DORMANT, Tone.PLAYFUL, tick_id, at)
    known = KnownUser(user, 3, None, Cycle(tick_id, at, 4, 0, Figures()), (LoggedMessage(message, "sent"),))
    assert user_record(known, POLICY) == example


# --- dead letters ---

GOOD = {"type": "user.registered", "user_id": "12", "name": "Ann", "occurred_at": "2026-11-22T10:00:00Z", "at": "x"}
VALUES = (
    st.none()
    | st.binary(max_size=40)
    | st.dictionaries(st.sampled_from(list(GOOD)), st.sampled_from([*GOOD.values(), 5, None])).map(
        lambda changes: json.dumps(GOOD | changes).encode()
    )
)


def letter_of(decode: Any, record: InputRecord, room: int) -> OutgoingRecord | None:
    try:
        decode(record, Limits(timedelta(0), max_record_bytes=150))
    except RejectedRecordError as rejection:
        return dead_letter(record, rejection, "engagement-dead-letters", room)
    return None


@given(VALUES, st.none() | st.binary(), st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**62), st.integers(0, 2_000))
@settings(max_examples=300)
def test_every_dead_letters_headers(value: Any, key: Any, timestamp_ms: int, offset: int, room: int) -> None:
    record = InputRecord("user-activity", 3, offset, timestamp_ms, key, value, (("trace", b"1" * 300),))
    for decode in (decode_activity, decode_tick):
        letter = letter_of(decode, record, room)
        if letter is not None:
            validator_of("engagement.dead-letter.headers").validate(texts(letter))


def test_a_cut_dead_letters_headers() -> None:
    letter = letter_of(decode_tick, InputRecord("engagement-ticks", 0, 1, -1, None, b" " * 70_000), room=65_536)
    assert letter is not None
    headers = texts(letter)
    validator_of("engagement.dead-letter.headers").validate(headers)
    assert (headers["engagement.error.truncated"], headers["engagement.error.length"]) == ("true", "70000")


# --- and no more than that ---


ANSWERS = ["http.accepted", "http.error", "http.user", "http.ready", "http.alive"]
CLOSED = ["engagement.message", "engagement.message.headers", "engagement.cycle", *ANSWERS]


@pytest.mark.parametrize("name", [*CLOSED, "engagement.dead-letter.headers"])
def test_the_schemas_of_what_is_written_want_every_field(name: str) -> None:
    validator = validator_of(name)
    (example,) = schema_of(name)["examples"]
    for field in example:
        with pytest.raises(ValidationError, match="is a required property"):
            validator.validate({other: value for other, value in example.items() if other != field})


@pytest.mark.parametrize("name", CLOSED)
def test_the_schemas_of_what_is_written_allow_no_other_field(name: str) -> None:
    validator = validator_of(name)
    (example,) = schema_of(name)["examples"]
    with pytest.raises(ValidationError, match="Additional properties"):
        validator.validate(example | {"more": 1})
