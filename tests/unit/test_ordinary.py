"""The short way of reading activity may refuse anything, and accepts nothing that the exact one reads otherwise."""

import random
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.codec.decoding import decode_exactly
from adapters.codec.ordinary import read_ordinary
from tests.unit.builders import HOUR, LIMITS, MICROSECOND, NOW, active, record

ROOMY = replace(LIMITS, max_record_bytes=10**5)
SKEW = LIMITS.max_future_skew.total_seconds()
TEXTS = [
    active(),
    active(extra={"type": [1, -0.5e3, None], "user_id": {"a": [True, False]}}, name="Ann"),
    b'{"extra": "\\ud800", ' + active()[1:],
    b' { "user_id" : 5 , "type":"user.registered",\n' + active()[1:],
]
PIECES = [
    *(bytes([byte]) for byte in b"\"{}[],:+-.eE0 1\t\n\x00\x01\x1f\x7f/'\\"),
    *(b"NaN", b"-Infinity", b"nul", b"true", b"01", b"1.", b".5", b"1e", b"1e999", b"9" * 400, b"[" * 2_000),
    *(b'"type":5,', b'"user_id":null,', b'"occurred_at":"",', b"//x\n", b"\xc3\xa9", b"\xff"),
]


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """An event with a few pieces put in, left out or changed."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    value = bytearray(draw(st.sampled_from(TEXTS)))
    for _ in range(draw(st.integers(0, 3))):
        place = rng.randrange(len(value) + 1)
        end = place + draw(st.sampled_from([0, 0, 1, 2]))
        value[place:end] = draw(st.sampled_from([b"", *PIECES]))
    return bytes(value)


@settings(max_examples=2_000)
@given(mangled())
def test_what_the_short_way_reads_the_exact_one_reads_alike(value: bytes) -> None:
    short = read_ordinary(record(value), SKEW)
    assert short is None or short == decode_exactly(record(value), ROOMY)


@given(st.text(max_size=130), st.text(st.sampled_from("2026-10T:Z.+9"), max_size=30))
@example("12", "2026-11-22T10:00:00.1234567Z")
@example("12", "2026-11-22T24:00:00Z")
@example("12", "2026-02-30T10:00:00Z")
@example("12", "2026-W47-7T10:00:00Z")
@example("\x7f", "2026-11-22T10:00:00Z")
@example("1" * 129, "2026-11-22T10:00:00Z")
@example("", "2026-11-22T10:00:00Z")
def test_labels_and_times_that_the_short_way_reads_the_exact_one_reads_alike(user_id: str, occurred_at: str) -> None:
    event = record(active(user_id=user_id, occurred_at=occurred_at), key=user_id.encode())
    short = read_ordinary(event, SKEW)
    assert short is None or short == decode_exactly(event, ROOMY)


@pytest.mark.parametrize("byte", range(0x80))
def test_user_ids_of_any_ascii_character_are_read_alike(byte: int) -> None:
    user_id = bytes([byte])
    event = record(active().replace(b'"12"', b'"' + user_id + b'"'), key=user_id)
    short = read_ordinary(event, SKEW)
    assert short is None or short == decode_exactly(event, ROOMY)


@given(st.integers(-2_500, 2_500))
def test_no_event_later_than_allowed_goes_the_short_way(microseconds: int) -> None:
    latest = NOW + LIMITS.max_future_skew
    event = record(active(occurred_at=(latest + microseconds * MICROSECOND).isoformat().replace("+00:00", "Z")))
    short = read_ordinary(event, SKEW)
    assert (short is None) if microseconds > -1_000 else (short == decode_exactly(event, LIMITS))


@pytest.mark.parametrize("at", ["2026-11-22T09:00:00Z", "2026-11-22T09:00:00.5Z", "2026-11-22T09:00:00.123456Z"])
def test_ordinary_events_go_the_short_way(at: str) -> None:
    event = record(active(occurred_at=at, device="phone", nested={"a": [1, 2.5, None]}))
    assert read_ordinary(event, SKEW) == decode_exactly(event, LIMITS)


@pytest.mark.parametrize("key", [None, b"", b"13", b"12 "])
def test_an_event_whose_key_is_not_the_user_id_does_not_go_the_short_way(key: bytes | None) -> None:
    assert read_ordinary(record(active(), key=key), SKEW) is None


def test_other_kinds_of_event_do_not_go_the_short_way() -> None:
    for kind in ("user.registered", "user.left", "engagement.tick"):
        assert read_ordinary(record(active(type=kind, name="Ann")), SKEW) is None
    assert read_ordinary(record(None), SKEW) is None
    assert read_ordinary(record(active(), at=NOW - HOUR - LIMITS.max_future_skew), SKEW) is None
