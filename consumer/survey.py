"""Looks around every few seconds: figures that no single event tells, and offsets for those who watch the group.

The offsets committed to the consumer group are for lag tools only. The engine's own position is in Postgres.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from adapters.postgres.overview import Overview
from consumer import metrics
from consumer.repeating import for_ever
from consumer.worker import ShardWorker
from domain.errors import MisconfiguredError
from domain.ports import ActivityLog, ActivityStream, TickStream
from domain.progress import RunningCycle

log = structlog.get_logger()

# Often enough for a scrape interval of 15 s.
SURVEY_SECONDS = 10.0


class Survey:
    """One for a process."""

    def __init__(
        self,
        overview: Callable[[], Awaitable[Overview]],
        activity: ActivityLog,
        ticks: TickStream,
        stream: ActivityStream,
        owned: Mapping[int, ShardWorker],
    ) -> None:
        self._overview = overview
        self._activity = activity
        self._ticks = ticks
        self._stream = stream
        self._owned = owned
        self._noted: dict[int, int] = {}
        metrics.owned_shards.set_function(lambda: len(owned))
        metrics.outbox_entries.set_function(
            lambda: sum(len(worker.shard.unpublished_sequences) for worker in list(owned.values()))
        )

    async def run(self) -> None:
        """Look around, for ever."""
        await for_ever(self._look_later)

    async def _look_later(self) -> None:
        await asyncio.sleep(SURVEY_SECONDS)
        try:
            await self.look()
        except MisconfiguredError as error:
            # Those who do the work meet it too, if it matters.
            log.warning("survey_failed", reason=str(error))

    async def look(self) -> None:
        """Once. Raises TransientError, MisconfiguredError; the figures stay as they were then."""
        tick_end = await self._ticks.end()
        overview = await self._overview()
        positions = {number: worker.shard.state.position for number, worker in self._owned.items()}
        _show(overview, tick_end)
        ends = await self._activity.both_ends(positions) if positions else {}
        metrics.position_lag.clear()
        for number, position in positions.items():
            metrics.position_lag.labels(str(number)).set(max(ends[number][1] - position, 0))
        metrics.surveyed_at.set(time.time())
        await self._note(positions)

    async def _note(self, positions: dict[int, int]) -> None:
        """Tell the group what has moved since the last time."""
        moved = {number: position for number, position in positions.items() if self._noted.get(number) != position}
        if moved:
            await self._stream.note_positions(moved)
        self._noted = positions


def _show(overview: Overview, tick_end: int) -> None:
    metrics.shards.set(overview.shards)
    metrics.halted_shards.set(overview.halted_shards)
    metrics.tick_lag.set(max(tick_end - overview.tick_next, 0))
    if overview.latest_tick is not None:
        metrics.latest_tick_at.set(overview.latest_tick.timestamp())
    _show_running(overview.running_cycles)
    cycle = overview.last_cycle
    if cycle is not None:
        metrics.cycle_ended_at.set(cycle.ended_at.timestamp())
        metrics.cycle_tick_at.set(cycle.at.timestamp())
        metrics.cycle_duration.set((cycle.ended_at - cycle.judged_at).total_seconds())


def _show_running(cycles: Sequence[RunningCycle]) -> None:
    """The earliest of them, which the others wait for."""
    cycle = next(iter(cycles), None)
    metrics.running_cycle_dealt_with.set(0 if cycle is None else cycle.dealt_with)
    metrics.running_cycle_remaining.set(0 if cycle is None else cycle.remaining)
    rest = None if cycle is None else cycle.rest
    metrics.running_cycle_rest.set(0 if rest is None else rest.total_seconds())
