"""A dead-letter topic that does not take what the input topics do."""

import pytest

from tests.bad_input.judging import added_headers, good_differences, source, told
from tests.bad_input.playing import Sent
from tests.bad_input.runs import NARROW, NARROW_BYTES, Played
from tests.foreign import ForeignRecord

# What the added headers and the batch take at most, in this deployment.
_ROOM_BESIDE = 1_000


def letter_of(narrow: Played, name: str) -> tuple[Sent, ForeignRecord]:
    (sent,) = (one for one in narrow.sent if one.kind is not None and one.kind.name == name)
    letters = [letter for letter in narrow.found.letters if source(letter)[1:] == (sent.partition, sent.offset)]
    (letter,) = letters
    return sent, letter


def own_headers(letter: ForeignRecord) -> tuple[tuple[str, bytes | None], ...]:
    return letter.headers[: -len(added_headers(letter))]


def test_every_record_has_one_dead_letter_and_the_shard_goes_on(narrow: Played) -> None:
    for name in NARROW:
        letter_of(narrow, name)
    assert len(narrow.found.letters) == len(NARROW)
    assert good_differences(narrow.sent, narrow.found) == []


def test_a_value_is_cut_to_what_there_is_room_for(narrow: Played) -> None:
    sent, letter = letter_of(narrow, "large value")
    value, whole = letter.value or b"", sent.draft.value or b""
    assert NARROW_BYTES - _ROOM_BESIDE < len(value) < NARROW_BYTES
    assert whole.startswith(value)
    assert (letter.key, own_headers(letter)) == (sent.draft.key, ())
    says = told(letter)
    assert (says["truncated"], says["length"], says["reason"]) == ("true", "300000", "too_large")
    assert "left out" not in says["detail"]


def test_the_largest_headers_are_left_out_where_they_do_not_fit(narrow: Played) -> None:
    sent, letter = letter_of(narrow, "large header")
    assert (letter.key, letter.value) == (sent.draft.key, b"{")
    assert own_headers(letter) == (("a", b"1"), ("b", None), ("a", b""))
    says = told(letter)
    assert (says["truncated"], says["length"]) == ("true", "1")
    assert says["detail"].endswith("(left out, to fit the topic: 1 headers)")


def test_a_key_is_cut_where_it_alone_does_not_fit(narrow: Played) -> None:
    sent, letter = letter_of(narrow, "large key")
    key = letter.key or b""
    assert len(key) > NARROW_BYTES - _ROOM_BESIDE
    assert (sent.draft.key or b"").startswith(key)
    assert letter.value == b""
    says = told(letter)
    assert (says["truncated"], says["length"]) == ("true", "1")
    assert says["detail"].endswith("(left out, to fit the topic: the end of the key)")
    assert told(letter_of(narrow, "all of it large")[1])["detail"].endswith("20 headers and the end of the key)")


@pytest.mark.parametrize("number", range(9))
def test_what_just_fits_stays_whole(narrow: Played, number: int) -> None:
    sent, letter = letter_of(narrow, f"just fits {number}")
    assert (letter.key, letter.value, own_headers(letter)) == (sent.draft.key, sent.draft.value, ())
    assert "truncated" not in told(letter)
