"""The list of cycles."""

from datetime import UTC, datetime

import pytest
from rich.console import Console

from consumer.commands.output import CYCLE_HEADINGS, CYCLE_TABLE_WIDTH, cycle_cells, cycle_table, print_cycles
from domain.cycles import Cycle, Figures, cycle_record

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
