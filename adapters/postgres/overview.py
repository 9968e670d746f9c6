"""The deployment at a glance: what all workers' figures have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from adapters.postgres.progress import read_running_cycles
from adapters.postgres.queries import ask
from adapters.postgres.rows import optional_time, time_of
from domain.progress import RunningCycle


@dataclass(frozen=True, slots=True)
class EndedCycle:
    """The tick's own time, when it was judged, and when its cycle ended."""

    at: datetime
    judged_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class Overview:
    """``tick_next`` is the next offset to judge. Latest tick and last cycle are those of the latest time."""

    shards: int
    halted_shards: int
    tick_next: int
    latest_tick: datetime | None
    last_cycle: EndedCycle | None
    running_cycles: Sequence[RunningCycle]


async def read_overview(pool: asyncpg.Pool) -> Overview:
    """A look at all of it. Raises TransientError, MisconfiguredError."""
    [row] = await ask(pool, "overview")
    last = None
    if row["ended_at"] is not None:
        last = EndedCycle(time_of(row["at"]), row["judged_at"], row["ended_at"])
    latest, running = optional_time(row["tick_latest"]), await read_running_cycles(pool)
    return Overview(row["shards"], row["halted_shards"], row["tick_next"], latest, last, running)
