"""What commands print: data on stdout, remarks and progress on stderr, colours on a terminal only."""

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from consumer.controls import CONTROLS, shown

CycleRecord = Mapping[str, Any]
"""A cycle as it is published."""


def print_line(text: str) -> None:
    """One line of data, at once."""
    typer.echo(shown(text))


def print_text(text: str) -> None:
    """Several lines of our own making, as they are."""
    typer.echo(text)


def print_json(value: Any) -> None:
    """One line of data as JSON, at once."""
    text = json.dumps(value, ensure_ascii=False)
    typer.echo(CONTROLS.sub(lambda match: f"\\u{ord(match.group()):04x}", text))


def remark(text: str) -> None:
    """A line about what happens; no data."""
    typer.echo(shown(text), err=True)


def print_cycle(record: CycleRecord) -> None:
    """What a cycle did, as a table."""
    table = Table(box=box.SIMPLE, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("users", str(record["total_users"]), style="bold")
    table.add_row("messages sent", str(record["messages_sent"]), style="bold")
    for segment, users in record["segment_breakdown"].items():
        table.add_row(f"  {segment}", str(users))
    table.add_row("skipped", str(record["users_skipped"]), style="bold")
    for reason, users in record["detailed_stats"]["skip_reasons"].items():
        table.add_row(f"  {reason}", str(users))
    print_line(f"{record['status']}: tick {record['tick_id']}")
    Console(markup=False).print(table)


CYCLE_HEADINGS = (
    *("at", "status", "users", "sent", "dormant", "new_user", "normal"),
    *("skipped", "active", "recently_messaged", "tick_id"),
)

# Room for nine digits in each figure, which are never cut: a narrower terminal wraps the lines.
CYCLE_TABLE_WIDTH = 160


def print_cycles(records: Iterable[CycleRecord]) -> None:
    """A line for each cycle: a table on a terminal; elsewhere the cells separated by tabs, below a line of headings."""
    rows = map(cycle_cells, records)
    if sys.stdout.isatty():
        console = Console()
        console.width = max(console.width, CYCLE_TABLE_WIDTH)
        console.print(cycle_table(rows))
        return
    for cells in (CYCLE_HEADINGS, *rows):
        print_line("\t".join(cells))


def cycle_cells(record: CycleRecord) -> tuple[str, ...]:
    """What a cycle did, in the order of ``CYCLE_HEADINGS``."""
    skipped = record["detailed_stats"]["skip_reasons"].values()
    return (
        record["at"],
        record["status"].removeprefix("Cycle "),
        str(record["total_users"]),
        str(record["messages_sent"]),
        *map(str, record["segment_breakdown"].values()),
        str(record["users_skipped"]),
        *map(str, skipped),
        record["tick_id"],
    )


def cycle_table(rows: Iterable[tuple[str, ...]]) -> Table:
    """The cells of ``cycle_cells`` as a table, each row one line: long ids of ticks are cut."""
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in CYCLE_HEADINGS[:2]:
        table.add_column(heading, no_wrap=True)
    for heading in CYCLE_HEADINGS[2:-1]:
        # Long headings take two lines.
        table.add_column(heading.replace("_", "\n"), justify="right", no_wrap=True)
    table.add_column(CYCLE_HEADINGS[-1], no_wrap=True, overflow="ellipsis", max_width=24)
    for at, *cells, tick_id in rows:
        # Text takes brackets for what they are.
        table.add_row(at.replace(".000000Z", "Z"), *cells, Text(shown(tick_id)))
    return table


def print_pairs(pairs: Iterable[tuple[str, str]]) -> None:
    """Names and what they stand for, as a table."""
    table = Table(box=box.SIMPLE, show_header=False)
    for name, text in pairs:
        table.add_row(Text(name), Text(shown(text)))
    Console(markup=False).print(table)


def cycle_line(record: CycleRecord) -> str:
    """What a cycle did, in a line."""
    sent = ", ".join(f"{segment} {users}" for segment, users in record["segment_breakdown"].items())
    skipped = ", ".join(f"{reason} {users}" for reason, users in record["detailed_stats"]["skip_reasons"].items())
    return (
        f"{record['at']}  {record['status']}: {record['total_users']} users,"
        f" {record['messages_sent']} sent ({sent}), {record['users_skipped']} skipped ({skipped})"
    )


def progress_bar() -> Progress:
    """A bar on stderr where that is a terminal; nothing elsewhere. Data printed on the same terminal goes above it."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
        # What goes into a file or a pipe must not take the way over the bar's terminal.
        redirect_stdout=sys.stdout.isatty(),
    )
