"""Notices that the process does not get on although it could; the remedy is a restart, which is always safe.

What counts as work is what the service is able to do: records below the last stable offset of the activity topic (what
lies above belongs to open transactions of producers), records of the tick topic, ticks that a shard has not begun,
chunks and entries that are not finished. Halted shards wait for an operator and count for nothing. A look at which
Kafka or Postgres doesn't answer, or Postgres writes nothing, says nothing either: counting starts anew.

Looks are counted, not seconds: a process that was paused finds at its next look that nothing moved meanwhile, which is
no fault of its own.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import structlog

from consumer.hindrance import Hindrance
from domain.errors import StuckError, TransientError
from domain.ownership import ShardProgress
from domain.ports import ActivityLog, Store, TickStream

log = structlog.get_logger()

LOOKS = 10


State = ShardProgress | int | None
"""What moves when there is progress: a shard's, the next tick to judge, or nothing at all."""


class Standstill:
    """Tells which work is at a standstill, from one look at what waits after the other."""

    def __init__(self) -> None:
        self._before: dict[str, State] = {}
        self._looks: Counter[str] = Counter()

    def look(self, waiting: dict[str, State]) -> list[str]:
        """What has waited, unmoved, for so many looks in a row; ``waiting`` holds whatever there is to do, by name."""
        unmoved = [what for what, state in waiting.items() if what in self._before and self._same(what, state)]
        self._looks = Counter({what: self._looks[what] + 1 for what in unmoved})
        self._before = waiting
        return [what for what in unmoved if self._looks[what] >= LOOKS]

    def forget(self) -> None:
        """Begin anew."""
        self._before = {}
        self._looks.clear()

    def _same(self, what: str, state: State) -> bool:
        before = self._before[what]
        if isinstance(before, ShardProgress) and isinstance(state, ShardProgress):
            return not state.is_further_than(before)
        return state == before


class Watchdog:
    """Looks ten times within the time after which work without progress is a fault."""

    def __init__(
        self,
        store: Store,
        activity: ActivityLog,
        ticks: TickStream,
        hindrance: Hindrance,
        ask_anew: Callable[[], Awaitable[object]],
        *,
        stuck_exit_seconds: float,
    ) -> None:
        """``ask_anew`` asks Kafka anything by a client of its own, and raises TransientError when it doesn't answer."""
        self._store = store
        self._activity = activity
        self._ticks = ticks
        self._hindrance = hindrance
        self._ask_anew = ask_anew
        self._seconds = stuck_exit_seconds
        self._standstill = Standstill()

    async def run(self, membership: Callable[[], frozenset[int] | None]) -> None:
        """Look for ever. ``membership``: the shards of this member of the group, None while it is none.

        Raises StuckError, and MisconfiguredError.
        """
        while True:
            await asyncio.sleep(self._seconds / LOOKS)
            try:
                stuck = self._standstill.look(await self._look(membership()))
            except TransientError as error:
                log.debug("watchdog_blind", reason=str(error))
                self._standstill.forget()
            else:
                self._judge(stuck)

    async def _look(self, shards: frozenset[int] | None) -> dict[str, State]:
        """What there is to do, or who doesn't answer us. Raises TransientError when nobody gets an answer."""
        if self._hindrance.reason is not None:
            raise TransientError(self._hindrance.reason)
        try:
            return await self._waiting(shards)
        except TransientError:
            await self._store.tick_next()
            await self._ask_anew()
            # Then it is our own client of Kafka that hears nothing, and it may never do so again.
            return {"this worker's connections to Kafka, which a new client reaches": None}

    def _judge(self, stuck: list[str]) -> None:
        if stuck:
            raise StuckError(
                f"no progress for {self._seconds:g} s (ENGAGEMENT_STUCK_EXIT_SECONDS) although Kafka and Postgres"
                f" answer and there is work: {', '.join(stuck)}. Start this worker again: nothing is lost by it"
            )

    async def _waiting(self, shards: frozenset[int] | None) -> dict[str, State]:
        """What there is to do. Raises TransientError when somebody doesn't answer."""
        tick_end = await self._ticks.end()
        tick_next = await self._store.tick_next()
        if shards is None:
            return {"the membership in the consumer group": None}
        if not shards:
            return {}
        waiting: dict[str, State] = {"the tick topic": tick_next} if tick_next < tick_end else {}
        ends = await self._activity.both_ends(shards)
        for progress in await self._store.progress(shards):
            if has_work(progress, *ends[progress.shard]):
                waiting[f"shard {progress.shard}"] = progress
        return waiting


def has_work(progress: ShardProgress, stable_end: int, end: int) -> bool:
    """Whether the shard's owner could do something. While a producer's transaction is open, ticks wait for its end."""
    could = progress.position < stable_end or progress.unfinished or (progress.tick_waits and stable_end == end)
    return could and not progress.halted
