"""How `engage dlq` is used, and what its lines say."""

import io
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from adapters.codec.rejected import DeadLetter
from adapters.kafka.replay import mark_of
from consumer.cli import app
from consumer.commands.dlq_lines import HEADINGS, LetterLine, letter_table
from consumer.commands.dlq_words import count_line, explanation, summary
from consumer.controls import printable
from consumer.replaying import Inputs, Obstacle, Tally, sent_back
from domain.errors import REASONS
from domain.records import InputRecord, OutgoingRecord

ORIGINAL = InputRecord("user-activity", 3, 41, 1_795_341_600_000, b"12", b"{", (("trace", b"1"),))
STORED = replace(ORIGINAL, topic="dead", partition=1, offset=7)
OPTIONAL_BYTES = st.none() | st.binary(max_size=3)


def letter(**changes: Any) -> DeadLetter:
    original = replace(ORIGINAL, **{name: changes.pop(name) for name in list(changes) if hasattr(ORIGINAL, name)})
    stored = replace(STORED, key=original.key, value=original.value)
    return replace(DeadLetter(stored, original, "bad_json", "value: is not JSON"), **changes)


def line(found: DeadLetter, replayed_ms: int | None = None) -> LetterLine:
    return LetterLine(found.stored, found, replayed_ms)


def cells(shown: LetterLine) -> dict[str, str]:
    return dict(zip(HEADINGS, shown.as_cells(), strict=True))


@pytest.mark.parametrize("command", ["list", "replay"])
def test_the_help_shows_an_example_and_the_reasons(command: str) -> None:
    done = CliRunner().invoke(app, ["dlq", command, "--help"], env={"COLUMNS": "200"})
    assert done.exit_code == 0
    assert f"Example: engage dlq {command}" in done.stdout
    assert all(reason in done.stdout for reason in REASONS)


@pytest.mark.parametrize("command", ["list", "replay"])
def test_an_unknown_reason_is_refused_with_those_there_are(command: str) -> None:
    done = CliRunner().invoke(app, ["dlq", command, "--reason", "bad_json", "--reason", "boredom"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "'boredom'" in done.stderr
    assert all(reason in done.stderr for reason in REASONS)


@pytest.mark.parametrize("place", [["--partition", "2"], ["--offset", "1"]])
def test_a_partition_without_an_offset_says_nothing(place: list[str]) -> None:
    done = CliRunner().invoke(app, ["dlq", "replay", *place])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--partition and --offset" in done.stderr


def test_a_line_tells_everything() -> None:
    assert cells(line(letter())) == {
        "partition": "1",
        "offset": "7",
        "at": "2026-11-22T10:00:00.000000Z",
        "reason": "bad_json",
        "detail": "value: is not JSON",
        "from": "user-activity 3:41",
        "bytes": "1",
        "key": "12",
        "replayed": "-",
    }


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        (None, "-"),
        (b"", ""),
        ("jörg 😉".encode(), "jörg 😉"),
        (b"a\x1b[2J\n\tb", r"a\x1b[2J\n\tb"),
        (b"\xff\x00", r"\xff\x00"),
        ("\u202eabc".encode(), r"\u202eabc"),
        (b"x" * 40, "x" * 40),
        (b"x" * 41, "x" * 39 + "…"),
        ("😉".encode() * 40 + b"\xff", "😉" * 39 + "…"),
        ("😉".encode() * 1_000_000, "😉" * 39 + "…"),
    ],
)
def test_a_key_is_shown_short_and_as_nothing_that_a_terminal_obeys(key: bytes | None, shown: str) -> None:
    assert cells(line(letter(key=key)))["key"] == shown


@given(st.text())
def test_what_is_shown_is_printable(text: str) -> None:
    assert printable(text).isprintable()


@pytest.mark.parametrize("timestamp_ms", [-(2**63), 2**63 - 1, -62_135_596_800_001, 253_402_300_800_000])
def test_a_time_that_no_calendar_has_is_shown_as_the_number_it_is(timestamp_ms: int) -> None:
    shown = line(letter(timestamp=timestamp_ms))
    assert cells(shown)["at"] == f"{timestamp_ms} ms"
    assert (shown.as_json()["at"], shown.as_json()["timestamp_ms"]) == (None, timestamp_ms)


def test_of_a_cut_value_the_length_that_it_had_is_told() -> None:
    shown = line(letter(value=b"x" * 65_536, truncated=True, length=9_000_000))
    assert (cells(shown)["bytes"], shown.as_json()["bytes"], shown.as_json()["truncated"]) == (
        "9000000",
        9_000_000,
        True,
    )


def test_a_replayed_one_says_when() -> None:
    shown = line(letter(), replayed_ms=1_795_341_600_500)
    assert cells(shown)["replayed"] == shown.as_json()["replayed_at"] == "2026-11-22T10:00:00.500000Z"


def test_the_table_takes_no_text_for_a_command() -> None:
    printed = io.StringIO()
    table = letter_table([line(letter(key=b"[red]x[/red]")), line(letter(), replayed_ms=0)])
    Console(file=printed, width=250).print(table)
    assert "[red]x[/red]" in printed.getvalue()
    assert all(heading in printed.getvalue() for heading in HEADINGS)


# --- sending back ---

INPUTS = Inputs({"user-activity": 4, "engagement-ticks": 1, "gone": 0})


@pytest.mark.parametrize(
    ("changes", "obstacle"),
    [
        ({}, None),
        ({"partition": 0}, None),
        ({"topic": "engagement-ticks", "partition": 0}, None),
        ({"topic": "engagement-ticks", "partition": 1}, Obstacle.NO_PARTITION),
        ({"partition": 4}, Obstacle.NO_PARTITION),
        ({"topic": "gone", "partition": 0}, Obstacle.NO_PARTITION),
        ({"topic": "engagement-messages"}, Obstacle.OTHER_TOPIC),
        ({"truncated": True}, Obstacle.TRUNCATED),
    ],
)
def test_what_keeps_a_letter_from_being_sent_back(changes: dict[str, Any], obstacle: Obstacle | None) -> None:
    assert INPUTS.obstacle(letter(**changes)) is obstacle


def test_it_goes_back_as_it_came_but_for_the_time() -> None:
    assert sent_back(letter()) == OutgoingRecord("user-activity", b"12", b"{", (("trace", b"1"),), None, 3)


@pytest.mark.parametrize(
    ("tally", "in_vain", "selected"),
    [
        (Tally(), False, 0),
        (Tally(0, 0, Counter({Obstacle.TRUNCATED: 2})), True, 2),
        (Tally(1, 0, Counter({Obstacle.TRUNCATED: 2})), False, 3),
        (Tally(0, 1, Counter({Obstacle.TRUNCATED: 2})), False, 3),
        (Tally(0, 1), False, 1),
    ],
)
def test_it_is_in_vain_when_there_was_something_to_do_and_none_of_it_could_be(
    tally: Tally, in_vain: bool, selected: int
) -> None:
    assert (tally.in_vain, tally.selected) == (in_vain, selected)


def test_the_words_for_a_tally() -> None:
    tally = Tally(1, 3)
    tally.not_replayable.update({Obstacle.NO_PARTITION: 2})
    assert summary(tally, done=True) == "Replayed: 1 dead letter."
    assert summary(tally, done=False).startswith("To be replayed: 1 dead letter. Nothing was sent")
    assert explanation(tally) == ["3 were replayed before", "2 came from a partition that does not exist any more"]
    assert count_line({"too_large": 2, "bad_json": 1}) == "3 records: bad_json 1, too_large 2"
    assert count_line({"bad_json": 1}) == "1 record: bad_json 1"


RECORDS = st.builds(
    InputRecord,
    topic=st.sampled_from(["dead", "dea"]),
    partition=st.integers(0, 2),
    offset=st.integers(0, 12),
    timestamp=st.integers(-1, 12),
    key=OPTIONAL_BYTES,
    value=OPTIONAL_BYTES,
    headers=st.lists(st.tuples(st.text("ab:1", max_size=3), OPTIONAL_BYTES), max_size=3).map(tuple),
)


@given(RECORDS, RECORDS)
def test_two_letters_have_the_same_mark_only_when_they_are_the_same(one: InputRecord, other: InputRecord) -> None:
    assert (mark_of(one) == mark_of(other)) == (one == other)
    assert b"\n" not in mark_of(one)


def test_a_mark_is_the_same_in_every_version() -> None:
    assert mark_of(STORED) == b"1-7-c75e8f71e024992b"
