"""A tick over one shard's users: the numbered steps of its evaluation.

0. Choosing: of the usable ticks from the cursor on, the newest; the others are coalesced. (Judging is in judging.py.)
1. Then ask for the high watermark of the shard's partition: the barrier. From here this tick is evaluated.
   Crash after 0 or 1: the successor chooses anew.
2. Activity is taken in until the stored position has reached the barrier.
3. Per chunk, one transaction: the fence; due users, decided, written, logged and put into the outbox. The first one
   also notes the tick as begun. Crash after: those decided are no longer due, the successor decides the rest.
4. Between the first and the last chunk no activity is taken in. The last one notes the tick's last sequence.
5. Figures: the counters as of the first chunk, changed only by the tick's own transitions.
6. Decided chunks are handed over to the publisher, at most a few ahead of the confirmed one.
"""

import asyncio
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from consumer import metrics
from consumer.entries import in_runs
from consumer.publish import Publisher, report_cycle
from consumer.shard import OwnedShard
from consumer.steps import StepHook, step
from domain.chunks import DecidedChunk, Undecided, decide_chunk
from domain.cycles import Cycle, Figures
from domain.errors import OwnershipLostError
from domain.messages import EncodeMessage
from domain.ownership import BegunTick
from domain.policy import Policy
from domain.ports import ActivityLog, ShardTransaction
from domain.ticks import UsableTick
from domain.users import Outcome

log = structlog.get_logger()

# Users decided in one transaction: about 0.1 s of Postgres, and 0.7 MB of messages of usual size.
CHUNK_USERS = 2_000

# Of a process: while Postgres writes one chunk, another is decided. With more of them at once, nothing ends sooner and
# the first message comes later, since all have to share; and each takes 5 MB.
CHUNKS_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class ChosenTick:
    """The tick that the shard will evaluate once its position has reached the barrier."""

    tick: UsableTick
    coalesced: Sequence[UsableTick]
    barrier: int


class TickEvaluation:
    """Evaluates ticks over one shard, one after the other."""

    def __init__(
        self,
        shard: OwnedShard,
        publisher: Publisher,
        activity: ActivityLog,
        *,
        policy: Policy,
        encode: EncodeMessage,
        hook: StepHook,
        chunk_users: int = CHUNK_USERS,
        turns: asyncio.Semaphore | None = None,
    ) -> None:
        """``turns``: how many chunks may be decided at once, shared by the shards of a process."""
        self.hook = hook
        self._shard = shard
        self._publisher = publisher
        self._activity = activity
        self._policy = policy
        self._encode = encode
        self._chunk_users = chunk_users
        self._turns = turns or asyncio.Semaphore(CHUNKS_AT_ONCE)
        self._looked_to = 0
        self._chosen: ChosenTick | None = None

    @property
    def under_way(self) -> bool:
        """Whether no activity may be taken in: a tick is begun and not all of its chunks are decided."""
        begun = self._shard.state.begun
        return begun is not None and begun.last_sequence is None

    def can_choose(self, judged_to: int) -> bool:
        """Whether there may be a tick to choose: none is chosen or unfinished, and there are new verdicts."""
        state = self._shard.state
        return self._chosen is None and state.begun is None and judged_to > max(self._looked_to, state.tick_cursor)

    @property
    def can_begin(self) -> bool:
        """Whether the chosen tick's barrier is reached."""
        return self._chosen is not None and self._shard.state.position >= self._chosen.barrier

    async def choose(self, usable: Sequence[UsableTick], judged_to: int) -> None:
        """Steps 0 and 1, among the usable ticks below ``judged_to``, the end of the tick topic at some time before."""
        ticks = await self._choose(usable)
        if ticks:
            chosen = self._chosen = ChosenTick(ticks[-1], ticks[:-1], await self._ask_barrier())
            log.info(
                "tick_chosen",
                shard=self._shard.number,
                epoch=self._shard.ownership.epoch,
                tick_id=chosen.tick.tick.tick_id,
                offset=chosen.tick.offset,
                coalesced_from=self._shard.state.tick_cursor,
                coalesced=len(chosen.coalesced),
                barrier=chosen.barrier,
            )
        self._looked_to = judged_to

    async def begin(self) -> None:
        """The first chunk of the chosen tick, after a look at everyone if the thresholds have changed."""
        if self._chosen is None or not self.can_begin:
            raise ValueError("no tick can be begun")
        await self._publisher.ready()
        while self._shard.state.policy != self._policy:
            await self._make_all_due()
        await self._first_chunk(self._chosen)
        self._chosen = None

    async def go_on(self) -> None:
        """The next chunk of the begun tick, with the policy it was begun with."""
        await self._publisher.ready()
        async with self._turns, self._shard.transaction() as write:
            begun = write.state.begun
            if begun is None:
                raise OwnershipLostError(f"shard {self._shard.number} has no begun tick any more")
            chunk = await self._decide(write, begun)
            cycle = await self._publisher.end_tick(write)
            await self._hand_over(write)
        self._report(chunk, cycle)

    @step("tick 0")
    async def _choose(self, usable: Sequence[UsableTick]) -> list[UsableTick]:
        return [tick for tick in usable if tick.offset >= self._shard.state.tick_cursor]

    @step("tick 1")
    async def _ask_barrier(self) -> int:
        return await self._activity.end(self._shard.number)

    async def _make_all_due(self) -> None:
        async with self._shard.transaction() as write:
            if await write.make_all_due(self._chunk_users):
                write.state = replace(write.state, policy=self._policy)
            await self._shard.commit(write)

    async def _first_chunk(self, chosen: ChosenTick) -> None:
        async with self._turns, self._shard.transaction() as write:
            begun = await self._note_begun(write, chosen)
            chunk = await self._decide(write, begun)
            ended = await write.count_coalesced(chosen.coalesced)
            await self._publisher.publish_cycles(write, ended)
            cycle = await self._publisher.end_tick(write)
            await self._hand_over(write)
        metrics.tick_delay.observe(time.time() - chosen.tick.tick.at.timestamp())
        for coalesced in ended:
            report_cycle(coalesced)
        self._report(chunk, cycle)

    @step("tick 2")
    async def _note_begun(self, write: ShardTransaction, chosen: ChosenTick) -> BegunTick:
        await write.fold_moves()
        state = write.state
        figures = Figures(active=state.active, recently_messaged=state.recently_messaged)
        begun = BegunTick(chosen.tick.offset, chosen.tick.tick, self._policy, figures)
        write.state = replace(state, begun=begun, tick_cursor=chosen.tick.offset + 1, tick_due=0)
        return begun

    @step("tick 3")
    async def _decide(self, write: ShardTransaction, begun: BegunTick) -> DecidedChunk:
        due = await write.due_users(begun.tick.at, begun.policy, self._chunk_users)
        chunk = decide_chunk(due.users, begun.tick, begun.policy, begun.figures, self._encode)
        chunk.made = chunk.made.plus(active=due.still_active)
        await write.write_skipped([*chunk.skipped, *(each.stored for each in chunk.undecided)])
        for messages, records in in_runs(chunk.messages):
            await write.write_messaged(messages, chunk.messageable_at)
            await write.log_messages(messages)
            await write.add_entry(records)
        begun = await self._note_figures(write, begun, chunk, due.total)
        if due.last:
            await self._note_last(write, begun)
        return chunk

    @step("tick 4")
    async def _note_last(self, write: ShardTransaction, begun: BegunTick) -> None:
        write.state = replace(write.state, begun=replace(begun, last_sequence=write.state.decided))

    @step("tick 5")
    async def _note_figures(
        self, write: ShardTransaction, begun: BegunTick, chunk: DecidedChunk, due: int
    ) -> BegunTick:
        begun = replace(begun, figures=chunk.figures)
        state = write.state
        write.state = replace(
            state,
            begun=begun,
            active=state.active + chunk.counters[Outcome.ACTIVE],
            recently_messaged=state.recently_messaged + chunk.counters[Outcome.RECENTLY_MESSAGED],
            tick_due=state.tick_due + due,
        )
        return begun

    @step("tick 6")
    async def _hand_over(self, write: ShardTransaction) -> None:
        await self._shard.commit(write)

    def _report(self, chunk: DecidedChunk, cycle: Cycle | None) -> None:
        metrics.count_decisions(chunk.made)
        if chunk.undecided:
            self._report_undecided(chunk.undecided)
        if cycle is not None:
            report_cycle(cycle)

    def _report_undecided(self, undecided: Sequence[Undecided]) -> None:
        metrics.undecided.inc(len(undecided))
        first = undecided[0]
        # Where it was raised, and not what it says: that may hold what the user has chosen.
        *_, place = traceback.extract_tb(first.error.__traceback__)
        log.error(
            "users_undecided",
            shard=self._shard.number,
            users=len(undecided),
            user=first.stored.user.user_id,
            error=type(first.error).__name__,
            place=f"{Path(place.filename).name}:{place.lineno}",
        )
