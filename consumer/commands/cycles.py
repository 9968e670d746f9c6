"""`engage cycles`: what the cycles did, one line each."""

from typing import Annotated

import typer

from consumer.commands.event_loop import run_async
from consumer.commands.options import AsJson
from consumer.commands.output import print_cycles, print_json, remark
from consumer.commands.start import prepare
from consumer.commands.ticking import open_reports
from consumer.settings import Settings
from domain.cycles import Cycle, cycle_record

Limit = Annotated[int, typer.Option(min=1, max=100_000, help="How many, counted from the newest.")]


def cycles(*, limit: Limit = 20, as_json: AsJson = False) -> None:
    """List the cycles that have ended, the newest first: how many users were messaged, by segment, and skipped.

    Cycles stay in Postgres for ENGAGEMENT_HISTORY_DAYS; the cycles topic has them too.
    """
    records = [cycle_record(cycle) for cycle in run_async(_cycles(prepare(), limit))]
    if as_json:
        for record in records:
            print_json(record)
    elif records:
        print_cycles(records)
    else:
        remark("No cycle has ended yet. `engage tick --wait` asks for one.")


async def _cycles(settings: Settings, limit: int) -> list[Cycle]:
    async with open_reports(settings) as reports:
        return await reports.cycles(limit)
