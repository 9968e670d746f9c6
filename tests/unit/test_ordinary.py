"""The short way of reading activity may refuse anything, and accepts nothing that the exact one reads otherwise."""

import itertools
import random
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.codec import decode_activity, read_ordinary
from domain.events import Activity
from domain.records import InputRecord, RawRecord
from tests.unit.builders import HOUR, LIMITS, MICROSECOND, MILLISECOND, MINUTE, NOW, active, record

ROOMY = replace(LIMITS, max_record_bytes=10**5)
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


def the_short_way(event: InputRecord) -> Activity | None:
    """What it makes of one record."""
    left: list[RawRecord] = []
    seen = [Activity(user_id, at) for user_id, at in read_ordinary([event], ROOMY, left)]
    assert len(seen) + len(left) == 1
    return seen[0] if seen else None


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
    short = the_short_way(record(value))
    assert short is None or short == decode_activity(record(value), ROOMY)


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
    short = the_short_way(event)
    assert short is None or short == decode_activity(event, ROOMY)


@pytest.mark.parametrize("byte", range(0x80))
def test_user_ids_of_any_ascii_character_are_read_alike(byte: int) -> None:
    user_id = bytes([byte])
    event = record(active().replace(b'"12"', b'"' + user_id + b'"'), key=user_id)
    short = the_short_way(event)
    assert short is None or short == decode_activity(event, ROOMY)


@pytest.mark.parametrize("usual", ["2026-11-22T09:00:00.123456Z", "2026-11-22T09:00:00.123Z", "2026-11-22T09:00:00.1Z"])
@pytest.mark.parametrize("length", [0, 1, 2])
def test_times_in_almost_a_usual_form_are_read_alike(usual: str, length: int) -> None:
    for place, byte in itertools.product(range(len(usual)), range(0x20, 0x7F)):
        written = usual[:place] + chr(byte) * length + usual[place + 1 :]
        event = record(active(occurred_at=written))
        short = the_short_way(event)
        assert short is None or short == decode_activity(event, ROOMY)


@given(st.integers(-2_500, 2_500))
def test_no_event_later_than_allowed_goes_the_short_way(microseconds: int) -> None:
    latest = NOW + LIMITS.max_future_skew
    event = record(active(occurred_at=(latest + microseconds * MICROSECOND).isoformat().replace("+00:00", "Z")))
    short = the_short_way(event)
    assert (short is None) if microseconds > 0 else (short == decode_activity(event, LIMITS))


@pytest.mark.parametrize("oldest", [0, -1, -(2**63), 2**63 - 1])
def test_each_event_is_compared_with_its_own_kafka_timestamp(oldest: int) -> None:
    ahead, old = record(active(occurred_at="2026-11-22T10:04:00Z")), replace(record(active()), timestamp=oldest)
    left: list[RawRecord] = []
    too_far = replace(ahead, timestamp=ahead.timestamp - 60_001)
    seen = [at for _, at in read_ordinary([old, ahead, too_far], LIMITS, left)]
    assert seen[-1:] == [NOW + 4 * MINUTE]
    assert [each.timestamp for each in left if each.timestamp != oldest] == [too_far.timestamp]


@pytest.mark.parametrize("at", ["2026-11-22T09:00:00Z", "2026-11-22T09:00:00.5Z", "2026-11-22T09:00:00.123456Z"])
def test_ordinary_events_go_the_short_way(at: str) -> None:
    event = record(active(occurred_at=at, device="phone", nested={"a": [1, 2.5, None]}))
    assert the_short_way(event) == decode_activity(event, LIMITS)


@pytest.mark.parametrize("key", [None, b"", b"13", b"12 "])
def test_an_event_whose_key_is_not_the_user_id_does_not_go_the_short_way(key: bytes | None) -> None:
    assert the_short_way(record(active(), key=key)) is None


def test_other_kinds_of_event_do_not_go_the_short_way() -> None:
    for kind in ("user.registered", "user.left", "engagement.tick"):
        assert the_short_way(record(active(type=kind, name="Ann"))) is None
    assert the_short_way(record(None)) is None
    assert the_short_way(record(active(), at=NOW - HOUR - LIMITS.max_future_skew - MILLISECOND)) is None
