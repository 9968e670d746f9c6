"""SIGKILLs of workers at crash points, and whether each hit a shard within a tick."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import asyncpg

from tests.harness.deployment import Deployment, Worker

# While these are done for a chunk, its tick is begun and not ended; for the record of a cycle it has just ended.
_WITHIN_A_TICK = (
    "tick 6|after",
    *(f"publish {number}|{moment}" for number in (1, 2, 3) for moment in ("before", "after")),
    "publish 4|before",
)
# For the first chunk of a tick, or the last entry, these are not within it.
_PERHAPS_WITHIN_A_TICK = (
    *(f"tick {number}|{moment}" for number in (3, 5) for moment in ("before", "after")),
    "tick 6|before",
    "publish 4|after",
)
_AT_A_TAKE_OVER = tuple(
    f"{step}|{moment}"
    for step in ("take-over 1", "take-over 2", "take-over 3", "take-over 4", "initialise")
    for moment in ("before", "after")
)
_ELSEWHERE = tuple(
    f"{step}|{moment}"
    for step in ("batch 1", "batch 2", "batch 3", "batch 4", "judging", "tick 0", "tick 1", "tick 2")
    for moment in ("before", "after")
)
# Two shards of four are what a worker takes over at least once the group has settled.
_MOST_TAKE_OVERS = 2


@dataclass(frozen=True, slots=True)
class Kill:
    """A kill that happened: where, and the ticks that were begun and not ended, by shard of the killed worker."""

    worker: str
    point: str
    begun: dict[int, str]

    def __str__(self) -> str:
        ticks = ", ".join(f"shard {shard} in tick {tick_id}" for shard, tick_id in sorted(self.begun.items()))
        return f"{self.worker} at {self.point}: {ticks or 'no tick begun and not ended'}"


def points(seed: str, ticks: int) -> Iterator[str]:
    """Crash points without end: of ten, eight around the chunks of a tick, one at a take-over, one elsewhere.

    The steps are counted from a worker's start. Small chunks give each of them several times a tick in each shard, so
    the bounds spread the kills over the trace and let them come before its end.
    """
    rng = random.Random(seed)
    while True:
        ten = [f"{rng.choice(_WITHIN_A_TICK)}|{rng.randint(1, ticks)}" for _ in range(7)]
        ten.append(f"{rng.choice(_PERHAPS_WITHIN_A_TICK)}|{rng.randint(1, ticks)}")
        ten.append(f"{rng.choice(_AT_A_TAKE_OVER)}|{rng.randint(1, _MOST_TAKE_OVERS)}")
        ten.append(f"{rng.choice(_ELSEWHERE)}|{rng.randint(1, ticks)}")
        rng.shuffle(ten)
        yield from ten


class Executioner:
    """Decides where each worker is to die, until ``wanted`` have died, ``wanted_in_ticks`` of them within a tick."""

    def __init__(self, points: Iterator[str], wanted: int, wanted_in_ticks: int) -> None:
        self.kills: list[Kill] = []
        self._points = points
        self._wanted = wanted
        self._wanted_in_ticks = wanted_in_ticks
        self._handed_out = 0

    @property
    def in_ticks(self) -> int:
        """How many kills hit a shard between the first chunk decided and the last one confirmed."""
        return sum(bool(kill.begun) for kill in self.kills)

    @property
    def shortfall(self) -> list[str]:
        """What was wanted and didn't happen."""
        short = []
        if len(self.kills) < self._wanted:
            short.append(f"only {len(self.kills)} of {self._wanted} kills happened before the trace was over")
        if self.in_ticks < self._wanted_in_ticks:
            short.append(f"only {self.in_ticks} kills were within a tick, and {self._wanted_in_ticks} should be")
        return short

    def next_point(self) -> str:
        """Where the worker that starts now is to die; empty when enough have."""
        armed = self._handed_out - len(self.kills)
        if self._handed_out >= self._wanted and self.in_ticks + armed >= self._wanted_in_ticks:
            return ""
        self._handed_out += 1
        return next(self._points)

    async def note(self, deployment: Deployment, worker: Worker) -> Kill:
        """A worker died at its point: look at once, before others take over, what it left begun."""
        begun = await _begun_ticks(deployment.dsn)
        assignments = worker.events("shards_assigned")
        held = set(assignments[-1]["shards"]) if assignments else set()
        kill = Kill(worker.name, worker.crashed_at or "?", {shard: begun[shard] for shard in held & begun.keys()})
        self.kills.append(kill)
        return kill


async def _begun_ticks(dsn: str) -> dict[int, str]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "SELECT shard, begun_tick_id FROM engagement.shard WHERE begun_offset IS NOT NULL"
        )
    finally:
        await connection.close()
    return {row["shard"]: row["begun_tick_id"] for row in rows}
