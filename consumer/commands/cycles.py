"""`engage cycles`: what the cycles did, one line each."""

from datetime import timedelta
from typing import Annotated

import typer

from consumer.commands.event_loop import run_async
from consumer.commands.options import AsJson
from consumer.commands.output import print_cycles, print_json, remark
from consumer.commands.start import prepare
from consumer.commands.ticking import open_reports
from consumer.settings import Settings
from domain.cycles import Cycle, cycle_record
from domain.explanation import duration_text, moment_text
from domain.progress import RunningCycle

Limit = Annotated[int, typer.Option(min=1, max=100_000, help="How many, counted from the newest.")]


def cycles(*, limit: Limit = 20, as_json: AsJson = False) -> None:
    """List the cycles that have ended, the newest first: how many users were messaged, by segment, and skipped.

    Cycles stay in Postgres for ENGAGEMENT_HISTORY_DAYS; the cycles topic has them too. Of those under way, stderr says
    how far they are, and how long the rest may take.
    """
    running, ended = run_async(_cycles(prepare(), limit))
    for cycle in running:
        remark(progress_text(cycle))
    records = [cycle_record(cycle) for cycle in ended]
    if as_json:
        for record in records:
            print_json(record)
    elif records:
        print_cycles(records)
    elif not running:
        remark("No cycle has ended yet. `engage tick --wait` asks for one.")


async def _cycles(settings: Settings, limit: int) -> tuple[list[RunningCycle], list[Cycle]]:
    async with open_reports(settings) as reports:
        return await reports.running_cycles(), await reports.cycles(limit)


def progress_text(cycle: RunningCycle) -> str:
    """How far a cycle under way is, in a line."""
    about = "" if cycle.counted else "about "
    dealt_with = f"{cycle.dealt_with:,} of {about}{cycle.due:,} due users dealt with"
    if cycle.remaining:
        dealt_with += f" ({cycle.dealt_with / cycle.due:.0%})"
        rest = "" if cycle.rest is None else f", the rest takes about {_seconds_text(cycle.rest)}"
    else:
        rest = ", the last messages are being published"
    return (
        f"Under way: tick {cycle.tick_id} of {moment_text(cycle.at)}: {dealt_with}, {cycle.shards_done} of"
        f" {cycle.shards} shards done{rest}."
    )


def _seconds_text(length: timedelta) -> str:
    return duration_text(timedelta(seconds=max(1, round(length.total_seconds()))))
