"""Keeps the tick topic judged, in the name of one of the owned shards, and tells all of them how far it is."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace

import structlog

from consumer.worker import ShardWorker
from domain.errors import OwnershipLostError, ShardHaltedError, TransientError
from domain.ports import Store, TickStream
from domain.records import RecordBatch

log = structlog.get_logger()

POLL_SECONDS = 1.0
# Between two looks for a shard to judge with, while none is owned.
_NO_SHARD_SECONDS = 0.1
# A position beyond the end may be a leader that doesn't know its newest records yet.
BEYOND_END_SECONDS = 60.0


class JudgedTo:
    """How far shards may choose: to where all was judged when that reached an end that had been asked for before.

    Earlier, they would begin an old tick while a newer one waits in the topic. Later, a flood of ticks that come faster
    than they are judged would keep them from ever beginning one.
    """

    def __init__(self) -> None:
        self.offset = 0
        self._asked_end: int | None = None

    def note(self, position: int, end: int) -> None:
        """All is judged up to ``position``; ``end`` was the end of the topic after that."""
        if self._asked_end is None:
            self._asked_end = end
        if position >= self._asked_end:
            self.offset = position
            # What comes next is measured by an end asked for anew: after a pause, one read may bring a part of it only.
            self._asked_end = None


class TickFollower:
    """One for a process. Several processes may follow at once: each verdict is stored once."""

    def __init__(self, store: Store, ticks: TickStream, owned: Mapping[int, ShardWorker]) -> None:
        self._store = store
        self._ticks = ticks
        self._owned = owned
        self._turn = 0
        self._position: int | None = None
        self._judged_to = JudgedTo()
        self._beyond_since: float | None = None

    async def follow(self) -> None:
        """One step: judge what came, if anything. To be done over and over.

        Raises TransientError, and another shard judges the next time then; MisconfiguredError.
        """
        owned = list(self._owned.values())
        if not owned:
            self._position = None
            return await asyncio.sleep(_NO_SHARD_SECONDS)
        worker = owned[self._turn % len(owned)]
        position, self._position = self._position, None
        try:
            self._position = await self._judge_more(worker, position)
        except (OwnershipLostError, ShardHaltedError):
            await asyncio.sleep(_NO_SHARD_SECONDS)
        except TransientError:
            self._turn += 1
            raise

    async def _judge_more(self, worker: ShardWorker, position: int | None) -> int:
        """Judge what came since ``position``, which is asked for where it is None; returns how far all is judged."""
        if position is None:
            position = await self._store.tick_next()
        batch = await self._ticks.poll(position, POLL_SECONDS)
        if batch.next_position > position:
            position = await _judge(worker, batch)
        end = await self._ticks.end()
        if position > end:
            self._note_beyond(position, end)
            return position
        self._beyond_since = None
        if position < end and batch.next_position == batch.position:
            position = await _judge(worker, await self._skip_what_is_gone(batch))
        self._judged_to.note(position, end)
        await self._let_choose(self._judged_to.offset)
        return position

    async def _let_choose(self, judged_to: int) -> None:
        """Tell the shards that don't know yet of the usable ticks below that offset."""
        behind = [owned for owned in self._owned.values() if owned.judged_to < judged_to]
        if behind:
            first = min(owned.shard.state.tick_cursor for owned in behind)
            ticks = await self._store.usable_ticks(first, judged_to)
            for owned in behind:
                await owned.ticks_judged(judged_to, ticks)

    async def _skip_what_is_gone(self, batch: RecordBatch) -> RecordBatch:
        """An empty batch from where that one begins to the beginning of the tick topic, where that lies behind it."""
        position = batch.position
        beginning = max(await self._ticks.beginning(), position)
        if beginning > position:
            log.warning("ticks_gone", first=position, last=beginning - 1)
        return replace(batch, next_position=beginning, records=())

    def _note_beyond(self, position: int, end: int) -> None:
        """No tick is read beyond the end. Somebody must hear of it: the topic was recreated, or Postgres is newer."""
        now = time.monotonic()
        if self._beyond_since is None:
            self._beyond_since = now
        elif now - self._beyond_since >= BEYOND_END_SECONDS:
            log.error("tick_position_beyond_end", position=position, end=end)
            self._beyond_since = now


async def _judge(worker: ShardWorker, batch: RecordBatch) -> int:
    """What fails here has failed for the shard: it may have an entry now that its worker knows nothing of."""
    try:
        return await worker.judging.judge(batch)
    except (OwnershipLostError, ShardHaltedError, TransientError) as error:
        await worker.fail(error)
        raise
