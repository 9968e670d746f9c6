"""What commands print about a cycle."""

import json
from datetime import UTC, datetime

import pytest

from consumer.commands.output import cycle_line, print_cycle, print_json, print_line, print_pairs, remark
from consumer.controls import shown
from domain.cycles import Cycle, Figures, cycle_record

AT = datetime(2026, 11, 22, 10, tzinfo=UTC)
FIGURES = Figures(active=4, recently_messaged=3, dormant=5, new_user=2, normal=1)
RECORD = cycle_record(Cycle("[bold]ten[/bold]", AT, 4, 0, FIGURES))


def test_a_line_holds_every_figure() -> None:
    assert cycle_line(RECORD) == (
        "2026-11-22T10:00:00.000000Z  Cycle complete: 15 users, 8 sent (dormant 5, new_user 2, normal 1),"
        " 7 skipped (active 4, recently_messaged 3)"
    )


def test_a_table_holds_every_figure_and_takes_no_text_for_a_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    print_cycle(RECORD)
    printed = capsys.readouterr().out
    words = [line.split() for line in printed.splitlines() if line.strip()]
    assert words == [
        ["Cycle", "complete:", "tick", "[bold]ten[/bold]"],
        ["users", "15"],
        ["messages", "sent", "8"],
        ["dormant", "5"],
        ["new_user", "2"],
        ["normal", "1"],
        ["skipped", "7"],
        ["active", "4"],
        ["recently_messaged", "3"],
    ]
    assert "\x1b[" not in printed


def test_json_is_the_published_record_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_json(RECORD)
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert json.loads(printed) == RECORD


HOSTILE = "Ghost\x1b[31m \u202eyraG\x9b2J\nINFO forged"


def test_what_others_chose_can_not_write_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_line(HOSTILE)
    remark(HOSTILE)
    print_pairs([("name", HOSTILE)])
    captured = capsys.readouterr()
    for text in (captured.out, captured.err):
        assert "Ghost\\x1b[31m \\u202eyraG\\x9b2J\\nINFO forged" in text
        assert not set("\x1b\u202e\x9b") & set(text)


def test_json_says_the_same_without_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": HOSTILE})
    line = capsys.readouterr().out
    assert json.loads(line) == {"name": HOSTILE}
    assert line.rstrip("\n").isprintable()


@pytest.mark.parametrize("text", ["Hey Ghost Gary, we miss you! 😉", "👩‍👩‍👧 é\t日本"])
def test_usual_text_is_shown_as_it_is(text: str) -> None:
    assert shown(text) == text
