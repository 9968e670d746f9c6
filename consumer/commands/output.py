"""What commands print: data on stdout, remarks and progress on stderr, colours on a terminal only."""

import json
import sys
from collections.abc import Mapping
from typing import Any

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

CycleRecord = Mapping[str, Any]
"""A cycle as it is published."""


def print_line(text: str) -> None:
    """One line of data, at once."""
    typer.echo(text)


def print_json(value: Any) -> None:
    """One line of data as JSON, at once."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def remark(text: str) -> None:
    """A line about what happens; no data."""
    typer.echo(text, err=True)


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
