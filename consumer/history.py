"""Forgetting: the message log and the cycles in Postgres, once they are older than the history.

It has no effect on who gets a message. Every worker does it, now and then, in small transactions that lock nothing that
anybody else wants.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from adapters.postgres.history import STEP_ROWS, HistoryRows
from consumer import metrics
from consumer.repeating import for_ever
from domain.errors import MisconfiguredError

log = structlog.get_logger()

# Between two rounds: a tenth of the history, at most this. So a row stays a few minutes longer than it would have to.
LONGEST_PAUSE_SECONDS = 600.0
# Between two steps of a round: a worker that has much to remove takes about a tenth of one Postgres process for it.
STEP_PAUSE_SECONDS = 0.1


class History:
    """Removes what is older than ``kept``."""

    def __init__(self, rows: HistoryRows, kept: timedelta) -> None:
        self._rows = rows
        self._kept = kept

    async def run(self) -> None:
        """A round now and then, for ever."""
        await for_ever(self._round_later)

    async def _round_later(self) -> None:
        pause = min(self._kept.total_seconds() / 10, LONGEST_PAUSE_SECONDS)
        # Jittered, so that workers that were started together don't all do it at once.
        await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 - jitter, not a secret
        try:
            await self.round()
        except MisconfiguredError as error:
            # A right that is missing, say. Rows that stay hurt nobody; a worker that stops for them would.
            log.error("history_kept", reason=str(error))  # noqa: TRY400 - it tells what to do, a trace would not

    async def round(self) -> None:
        """Remove all that is old enough now. Raises TransientError, MisconfiguredError."""
        messages = await self._remove("message", self._rows.remove_messages)
        ticks = await self._remove("tick", self._rows.remove_ticks)
        if messages or ticks:
            log.info("history_removed", messages=messages, ticks=ticks)

    async def _remove(self, table: str, step: Callable[[timedelta], Awaitable[int]]) -> int:
        removed = 0
        while True:
            rows = await step(self._kept)
            removed += rows
            metrics.history_removed.labels(table).inc(rows)
            if rows < STEP_ROWS:
                return removed
            await asyncio.sleep(STEP_PAUSE_SECONDS)
