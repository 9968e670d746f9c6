"""The list of cycles."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from consumer.commands.cycles import progress_text
from consumer.commands.output import CYCLE_HEADINGS, CYCLE_TABLE_WIDTH, cycle_cells, cycle_table, print_cycles
from domain.cycles import Cycle, Figures, cycle_record
from domain.progress import RunningCycle

AT = datetime(2026, 11, 22, 10, tzinfo=UTC)
COMPLETE = cycle_record(Cycle("[bold]ten[/bold]", AT, 4, 0, Figures(4, 3, 5, 2, 1)))
PARTIAL = cycle_record(Cycle("x" * 128, AT, 3, 1, Figures(*[199_999_999] * 5)))


def test_off_a_terminal_a_cycle_is_a_line_of_cells_below_their_headings(capsys: pytest.CaptureFixture[str]) -> None:
    print_cycles([COMPLETE])
    headings, line = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert dict(zip(headings, line, strict=True)) == {
        "at": "2026-11-22T10:00:00.000000Z",
        "status": "complete",
        "users": "15",
        "sent": "8",
        "dormant": "5",
        "new_user": "2",
        "normal": "1",
        "skipped": "7",
        "active": "4",
        "recently_messaged": "3",
        "tick_id": "[bold]ten[/bold]",
    }


def test_the_table_of_a_terminal_holds_every_figure_in_one_line_a_cycle() -> None:
    console = Console(width=CYCLE_TABLE_WIDTH)
    with console.capture() as capture:
        console.print(cycle_table(map(cycle_cells, [COMPLETE, PARTIAL])))
    first, second = [line.split() for line in capture.get().splitlines() if line.strip().startswith("2026")]
    assert first == ["2026-11-22T10:00:00Z", *cycle_cells(COMPLETE)[1:]]
    assert second[:-1] == ["2026-11-22T10:00:00Z", *cycle_cells(PARTIAL)[1:-1]]
    assert second[-1].endswith("x…")
    assert len(first) == len(CYCLE_HEADINGS)


def running(**changes: Any) -> RunningCycle:
    cycle = RunningCycle("ten", AT, 4, 1, 120, 380, counted=True, elapsed=timedelta(seconds=12))
    return replace(cycle, **changes)


@pytest.mark.parametrize(
    ("cycle", "text"),
    [
        (running(), "120 of 500 due users dealt with (24%), 1 of 4 shards done, the rest takes about 38 s."),
        (
            running(dealt_with=1_200_000, remaining=48_800_000, counted=False, elapsed=timedelta(seconds=90)),
            (
                "1,200,000 of about 50,000,000 due users dealt with (2%), 1 of 4 shards done,"
                " the rest takes about 1 h 1 min."
            ),
        ),
        (
            running(dealt_with=1, remaining=10**8 - 1, elapsed=timedelta(days=90)),
            "1 of 100,000,000 due users dealt with (0%), 1 of 4 shards done, the rest takes about 36525 days.",
        ),
        (running(dealt_with=0), "0 of 380 due users dealt with (0%), 1 of 4 shards done."),
        (running(remaining=1), "120 of 121 due users dealt with (99%), 1 of 4 shards done, the rest takes about 1 s."),
        (
            running(remaining=0),
            "120 of 120 due users dealt with, 1 of 4 shards done, the last messages are being published.",
        ),
    ],
)
def test_a_cycle_under_way_is_a_line_with_an_estimate_of_the_rest(cycle: RunningCycle, text: str) -> None:
    assert progress_text(cycle) == f"Under way: tick ten of 2026-11-22 10:00:00 UTC: {text}"
