"""Removing from Postgres what is older than the history."""

from datetime import timedelta

import asyncpg

from adapters.postgres.connection import CALL_SECONDS, postgres_errors
from adapters.postgres.queries import QUERIES

# Rows in one transaction: some ten milliseconds, so nobody ever waits for it.
STEP_ROWS = 1_000
# Times of Postgres begin at 4713 BC, and nothing is a thousand years old.
_LONGEST = timedelta(days=365_000)


class HistoryRows:
    """The message log and the ticks of a pool's database."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def remove_messages(self, older_than: timedelta) -> int:
        """Remove up to ``STEP_ROWS`` rows of the message log; returns how many. Raises TransientError."""
        return await self._remove("remove_messages", older_than)

    async def remove_ticks(self, older_than: timedelta) -> int:
        """Remove up to ``STEP_ROWS`` verdicts, with their cycles if these have ended. Raises TransientError."""
        return await self._remove("remove_ticks", older_than)

    async def _remove(self, name: str, older_than: timedelta) -> int:
        with postgres_errors():
            done = await self._pool.execute(QUERIES[name], min(older_than, _LONGEST), STEP_ROWS, timeout=CALL_SECONDS)
        return int(done.removeprefix("DELETE "))
