"""`engage stats`: what the last cycle did."""

from consumer.commands.errors import RefusedError
from consumer.commands.event_loop import run_async
from consumer.commands.options import AsJson
from consumer.commands.output import print_cycle, print_json
from consumer.commands.start import prepare
from consumer.commands.ticking import open_reports
from consumer.settings import Settings
from domain.cycles import Cycle, cycle_record


def stats(*, as_json: AsJson = False) -> None:
    """Show what the last cycle did: how many users were messaged, by segment, and skipped, by reason."""
    cycle = run_async(_last_cycle(prepare()))
    if cycle is None:
        raise RefusedError("No cycle has ended yet. `engage tick --wait` asks for one.")
    record = cycle_record(cycle)
    (print_json if as_json else print_cycle)(record)


async def _last_cycle(settings: Settings) -> Cycle | None:
    async with open_reports(settings) as reports:
        return await reports.last_cycle()
