"""What the engine takes in is what the schemas allow: each of them is held against the other.

Left out is what no schema can say: the record's key and timestamp, its size, and JSON that is none (NaN, half a
surrogate pair).
"""

import sys
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from adapters.codec import decode_activity, decode_tick
from tests.documents.schemas import schema_of, validator_of
from tests.documents.taking import decode_request, is_taken

ACTIVE, REGISTERED, TICK = (validator_of(name) for name in ("user.active", "user.registered", "engagement.tick"))
REQUEST = validator_of("http.run-engagement-cycle")
USER_ID, NAME = (Draft202012Validator(schema_of("user.registered")["properties"][name]) for name in ("user_id", "name"))
AT = Draft202012Validator(schema_of("engagement.tick")["properties"]["at"])


def is_valid(payload: Any, *schemas: Draft202012Validator) -> bool:
    return any(schema.is_valid(payload) for schema in schemas)


# --- payloads that are nearly right ---

CHARACTERS = st.characters(exclude_categories=["Cs"])
NOT_QUITE_TEXT = st.text(
    CHARACTERS | st.sampled_from("\x00\n\x1f\x7f\x85\x9f \u00a0\u2028\u202a\u202e\u2066\u2069\u200b\u3000😉"),
    max_size=6,
)


@st.composite
def long_texts(draw: st.DrawFn) -> str:
    """Texts about as long as a user id, a label or a name may be, with more at their ends that may not count."""
    inside = draw(st.sampled_from(["n", "😉", "\u200d", "a b"]))
    length = draw(st.sampled_from([127, 128, 129, 199, 200, 201]))
    ends = st.sampled_from(["", " ", "\u202e", "\x00", "\u3000\n", "é"])
    middle = draw(st.integers(0, length))
    text = (inside * length)[:length]
    return draw(ends) + text[:middle] + draw(ends) + text[middle:] + draw(ends)


TWO_DIGITS = st.one_of(st.integers(0, 31), st.integers(0, 99)).map("{:02}".format)
YEARS = st.sampled_from(["2026", "2024", "1900", "2000", "0001", "0004", "9999", "226", "02026", "٢٠٢٦"])
LAST_DAYS = st.sampled_from(["28", "29", "30", "31", "32", "00", "01"])
OFFSETS = st.sampled_from(["Z", "+00:00", "-23:59", "+24:00", "+01:60", "z", "", "+0100", "Z\n", " Z"])
FRACTIONS = st.sampled_from(["", ".0", ".123456", ".1234567", ".", ",5", "." + "9" * 120])
TIMES = st.builds(
    "{}-{}-{}{}{}:{}:{}{}{}".format,
    YEARS,
    st.integers(0, 13).map("{:02}".format),
    LAST_DAYS | TWO_DIGITS,
    st.sampled_from(["T", "T", "T", "t", " "]),
    st.integers(0, 24).map("{:02}".format),
    st.sampled_from(["00", "59", "60", "5"]),
    st.sampled_from(["00", "59", "60", ""]),
    FRACTIONS,
    OFFSETS,
).filter(lambda text: not at_the_edge(text))
GOOD_TIMES = st.datetimes().map(lambda at: at.isoformat() + "Z").filter(lambda text: not at_the_edge(text))
TYPES = st.sampled_from(["user.active", "user.registered", "engagement.tick", "User.Active", "user.active\n", ""])
STRINGS = NOT_QUITE_TEXT | long_texts() | TIMES | GOOD_TIMES | TYPES
ANYTHING = st.recursive(
    STRINGS | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STRINGS, inner, max_size=3),
    max_leaves=4,
)


def at_the_edge(time: str) -> bool:
    """Whether the time is so near the first or last moment that an offset can lead beyond it."""
    return time.startswith(("0000", "0001-01-01", "9999-12-31"))


FIELDS = {
    "type": TYPES,
    "user_id": NOT_QUITE_TEXT | long_texts(),
    "name": NOT_QUITE_TEXT | long_texts(),
    "occurred_at": TIMES | GOOD_TIMES,
    "at": TIMES | GOOD_TIMES,
    "tick_id": NOT_QUITE_TEXT | long_texts(),
    "event_id": ANYTHING,
}
TIME = "2026-11-22T10:00:00Z"
GOOD: list[dict[str, Any]] = [
    {"type": "user.active", "user_id": "12", "occurred_at": TIME},
    {"type": "user.registered", "user_id": "12", "name": "Ann", "occurred_at": TIME},
    {"type": "engagement.tick", "tick_id": "t", "at": TIME},
    {"type": "engagement.tick", "at": TIME},
    {"at": TIME},
    {"tick_id": "t"},
]


@st.composite
def payloads(draw: st.DrawFn) -> Any:
    """A valid payload with up to two fields changed, added or taken out."""
    payload = dict(draw(st.sampled_from(GOOD)))
    for field in draw(st.lists(st.sampled_from([*payload, *FIELDS]), max_size=2)):
        change = draw(st.sampled_from(["fitting", "fitting", "fitting", "anything", "gone"]))
        if change == "gone":
            payload.pop(field, None)
        else:
            payload[field] = draw(FIELDS[field] if change == "fitting" else ANYTHING)
    return payload


@given(payloads() | ANYTHING)
@settings(max_examples=500)
@example({"type": "user.active", "user_id": "1\n", "occurred_at": TIME})
@example({"type": "user.active", "user_id": "1", "occurred_at": TIME + "\n"})
def test_activity_is_taken_exactly_if_a_schema_allows_it(payload: Any) -> None:
    assert is_taken(decode_activity, payload) == is_valid(payload, ACTIVE, REGISTERED)


@given(payloads() | ANYTHING)
@settings(max_examples=500)
@example({"type": "engagement.tick", "at": f"2026-11-22T10:00:00.{'0' * 107}Z"})
@example({"type": "engagement.tick", "at": f"2026-11-22T10:00:00.{'0' * 108}Z"})
@example({"type": "engagement.tick", "at": f"2026-11-22T10:00:00.{'0' * 108}Z", "tick_id": "t"})
def test_ticks_are_taken_exactly_if_the_schema_allows_them(payload: Any) -> None:
    assert is_taken(decode_tick, payload) == is_valid(payload, TICK)


@given(payloads() | ANYTHING)
@settings(max_examples=500)
@example({})
@example({"at": f"2026-11-22T10:00:00.{'0' * 107}Z"})
@example({"at": f"2026-11-22T10:00:00.{'0' * 108}Z"})
@example({"at": None})
@example({"tick_id": "t\n"})
def test_requests_for_a_cycle_are_taken_exactly_if_the_schema_allows_them(payload: Any) -> None:
    assert is_taken(decode_request, payload) == is_valid(payload, REQUEST)


@given(payloads())
def test_no_payload_fits_two_schemas(payload: Any) -> None:
    assert sum(schema.is_valid(payload) for schema in (ACTIVE, REGISTERED, TICK)) <= 1


# --- all values of a kind ---


def test_every_character_counts_in_names_and_labels_as_the_engine_counts_it() -> None:
    # All characters that the rules speak of lie below U+3001.
    for character in map(chr, [*range(0x3100), *range(0xE000, sys.maxunicode, 997)]):
        # Alone it makes a name unless it is taken out; amid 200 others it is one too many unless it is taken out.
        for name in (character, "n" * 100 + character + "n" * 100):
            assert NAME.is_valid(name) == is_taken(decode_activity, GOOD[1] | {"name": name}), ascii(character)
        taken = is_taken(decode_activity, GOOD[0] | {"user_id": character})
        assert USER_ID.is_valid(character) == taken, ascii(character)


@pytest.mark.parametrize("character", ["n", "é", "😉"])
def test_lengths_are_those_that_the_engine_counts(character: str) -> None:
    for length in (0, 1, 2, 127, 128, 129, 199, 200, 201, 255, 256):
        text = character * length
        assert USER_ID.is_valid(text) == is_taken(decode_activity, GOOD[0] | {"user_id": text}), length
        assert NAME.is_valid(text) == is_taken(decode_activity, GOOD[1] | {"name": text}), length
        tick = GOOD[2] | {"tick_id": text}
        assert TICK.is_valid(tick) == is_taken(decode_tick, tick), length


def test_days_are_those_of_the_calendar() -> None:
    days = {f"{year:04}-02-29" for year in range(1, 10_000)}
    days |= {f"{year}-{month:02}-{day:02}" for year in (2000, 2100) for month in range(14) for day in range(33)}
    for day in days:
        time = f"{day}T12:00:00Z"
        assert AT.is_valid(time) == is_taken(decode_tick, GOOD[3] | {"at": time}), time


# --- what the schemas say they can't say ---


@pytest.mark.parametrize(
    ("time", "taken"),
    [
        ("0000-12-31T23:00:00-01:30", True),
        ("0000-12-31T23:00:00Z", False),
        ("0001-01-01T00:00:00Z", True),
        ("0001-01-01T00:00:00+00:01", False),
        ("9999-12-31T23:59:59.999999Z", True),
        ("9999-12-31T23:59:59-00:01", False),
    ],
)
def test_beyond_the_years_the_schema_allows_what_the_engine_refuses(time: str, taken: bool) -> None:
    for decode, good, field, schema in (
        (decode_activity, GOOD[0], "occurred_at", ACTIVE),
        (decode_tick, GOOD[3], "at", TICK),
        (decode_request, GOOD[4], "at", REQUEST),
    ):
        payload = good | {field: time}
        assert is_valid(payload, schema)
        assert is_taken(decode, payload) is taken
