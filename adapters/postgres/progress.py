"""How far the cycles under way are, at a cost that doesn't grow with the number of users."""

from datetime import datetime, timedelta

import asyncpg

from adapters.postgres.queries import ask
from adapters.postgres.rows import time_of
from domain.progress import RunningCycle

# Up to here the due users are counted, which takes Postgres 10 ms. Beyond, they are estimated from so many pages of
# some 50 users each, which is as dear, and right to about 5 % where a twentieth of the users is due.
COUNTED_USERS = 20_000
SAMPLED_PAGES = 500


async def read_running_cycles(
    pool: asyncpg.Pool, counted_users: int = COUNTED_USERS, sampled_pages: int = SAMPLED_PAGES
) -> list[RunningCycle]:
    """The cycles under way, the earliest tick first: one, or two while shards differ. Raises TransientError."""
    return [
        await _running_cycle(pool, row, counted_users, sampled_pages)
        for row in await ask(pool, "running_cycles", counted_users)
    ]


async def _running_cycle(
    pool: asyncpg.Pool, row: asyncpg.Record, counted_users: int, sampled_pages: int
) -> RunningCycle:
    at, remaining = time_of(row["at"]), row["remaining"]
    counted = remaining < counted_users
    if not counted:
        remaining = max(remaining, await _estimate(pool, at, min(1.0, sampled_pages / row["pages"])))
    return RunningCycle(
        row["tick_id"],
        at,
        row["shards"],
        row["shards_done"],
        row["dealt_with"],
        remaining,
        counted,
        timedelta(seconds=row["seconds"]),
    )


async def _estimate(pool: asyncpg.Pool, at: datetime, share: float) -> int:
    """How many users are due, from this share of the pages."""
    [(found,)] = await ask(pool, "sample_due", at, 100 * share)
    return int(found / share)
