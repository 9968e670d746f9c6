"""Taking shards over and giving them up.

Taking over a shard, a task of its own, tried again until it works or the assignment changes:

1. The shard is not among the owned ones: nothing is read or evaluated for it.
2. Epoch + 1: from here the former owner can write nothing. Then, in later statements, the row and the outbox, whose
   sequences must be exactly those decided and not confirmed. Crash after: the successor does the same.
3. Where the outbox is not empty: initialise the producer, publish what is above the marker, in order, and confirm.
   Crash after: as after any publishing.
4. The position must lie within the log. Then seek, and add the shard to the owned ones. A stored policy other than
   ours is cleared: all users are looked at before the next tick. Crash after: nothing is lost, as nothing was kept.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace

import stamina
import structlog

from consumer import metrics
from consumer.hindrance import Hindrance
from consumer.shard import OwnedShard
from consumer.steps import StepHook, step
from consumer.worker import ShardWorker
from domain.errors import (
    EngagementError,
    OwnershipLostError,
    RefusedWriteError,
    ShardHaltedError,
    ShardUnknownError,
    TransientError,
)
from domain.ownership import OutboxEntry, ShardState
from domain.policy import Policy
from domain.ports import ActivityLog, ActivityStream, Store

log = structlog.get_logger()

FROM_THE_BEGINNING = -1
# A position beyond the end may be a leader that doesn't know its newest records yet: ask for this long before halting.
BEYOND_END_SECONDS = 60.0
# Between a shard that was lost or is halted and the next attempt: the heartbeat interval of the group.
AGAIN_SECONDS = 1.0
# What the work under way may take when a shard is given up: half of the ten seconds of a clean stop. What has not ended
# by itself is cancelled and may take this much to let go, which matters to nobody but the clean stop.
GIVE_UP_SECONDS = 5.0
LET_GO_SECONDS = 1.0

MakeWorker = Callable[[ShardState, list[OutboxEntry]], ShardWorker]


class _BeyondEndError(EngagementError):
    """The stored position lies beyond the end of the log."""


class ShardHolder:
    """Holds one assigned shard: takes it over, works for it, and does so again after a failure."""

    def __init__(  # noqa: PLR0913 - what one shard's life takes
        self,
        shard: int,
        store: Store,
        stream: ActivityStream,
        activity: ActivityLog,
        make_worker: MakeWorker,
        owned: dict[int, ShardWorker],
        *,
        policy: Policy,
        hindrance: Hindrance,
        hook: StepHook,
    ) -> None:
        self.hook = hook
        self._number = shard
        self._store = store
        self._stream = stream
        self._activity = activity
        self._make_worker = make_worker
        self._owned = owned
        self._policy = policy
        self._hindrance = hindrance
        self._given_up = False
        self._taken_over = False
        self._halted_reason: str | None = None
        self._said_unknown = False

    async def hold(self) -> None:
        """Work for the shard until ``give_up``. Raises MisconfiguredError, and what is a defect."""
        while not self._given_up:
            # TransientError is tried again for as long as it takes, with growing, jittered pauses; the first is long
            # enough for a worker that was paused to hear that its shards are somebody else's.
            async for attempt in stamina.retry_context(
                on=TransientError, attempts=None, timeout=None, wait_initial=AGAIN_SECONDS, wait_max=5.0
            ):
                with attempt:
                    await self._own()
            if not self._given_up:
                await asyncio.sleep(AGAIN_SECONDS * (1 + random.random()))  # noqa: S311 - jitter, not a secret

    async def give_up(self, holding: "asyncio.Task[None]") -> None:
        """End ``hold``, run by the given task: what is under way may end within a few seconds, the rest is dropped.

        A task that hangs in letting go is left behind: the next holder of the shard doesn't wait for it.
        """
        # First, so that an ownership that ends by itself meanwhile is not followed by another one.
        self._given_up = True
        worker = self._owned.get(self._number)
        if worker is not None:
            await worker.shard.stop()
            await asyncio.wait({holding}, timeout=GIVE_UP_SECONDS)
        holding.cancel()
        await asyncio.wait({holding}, timeout=LET_GO_SECONDS)

    async def _own(self) -> None:
        """One ownership, from its take-over to its end.

        Raises TransientError when the shard could not be taken, and RefusedWriteError: the pauses must grow.
        """
        if self._given_up:
            return
        try:
            await self._leave_owned()
            state, unpublished = await self._raise_epoch()
            await self._work(self._make_worker(state, unpublished))
        except ShardHaltedError as error:
            self._report_halted(error)
        except OwnershipLostError as error:
            metrics.shards_lost.labels("taken").inc()
            log.warning("shard_lost", shard=self._number, reason=str(error))
        except ShardUnknownError:
            await self._grow()
        except TransientError as error:
            self._interrupt(error)

    async def _grow(self) -> None:
        """A partition was added: it becomes a shard once the progress topic has one for it too."""
        shards = await self._activity.shards()
        if shards > self._number:
            await self._store.grow(shards)
        elif not self._said_unknown:
            log.warning("shard_without_progress_partition", shard=self._number, remedy="engage init")
            self._said_unknown = True

    async def _work(self, worker: ShardWorker) -> None:
        shard = worker.shard
        try:
            self._check_sequences(shard)
            await self._publish_leftovers(shard, worker)
            await self._begin_reading(shard, worker)
            metrics.take_overs.inc()
            log.info("shard_taken_over", shard=shard.number, epoch=shard.ownership.epoch, position=shard.state.position)
            await worker.run()
        except ShardHaltedError as error:
            await self._store.halt(shard.ownership, error.reason)
            raise
        finally:
            # Another holder of this process may own the shard by now.
            if self._owned.get(self._number) is worker:
                self._forget()
            await worker.publisher.close()

    def _forget(self) -> None:
        self._owned.pop(self._number, None)
        self._stream.park(self._number)

    def _interrupt(self, error: TransientError) -> None:
        """Note what it was. Raises it where the pauses must grow."""
        refused = isinstance(error, RefusedWriteError)
        if refused:
            self._hindrance.note(str(error))
        if self._taken_over:
            metrics.shards_lost.labels("interrupted").inc()
            log.warning("shard_interrupted", shard=self._number, reason=str(error))
        if refused or not self._taken_over:
            raise error

    def _report_halted(self, error: ShardHaltedError) -> None:
        """Once for each reason: a halted shard is looked at again every second or two."""
        if error.reason != self._halted_reason:
            metrics.shards_lost.labels("halted").inc()
            log.error("shard_halted", shard=self._number, reason=error.reason)
        self._halted_reason = error.reason

    @step("take-over 1")
    async def _leave_owned(self) -> None:
        self._taken_over = False
        self._forget()

    @step("take-over 2")
    async def _raise_epoch(self) -> tuple[ShardState, list[OutboxEntry]]:
        state = await self._store.take_over(self._number)
        return state, await self._store.outbox(state.ownership)

    def _check_sequences(self, shard: OwnedShard) -> None:
        found = shard.unpublished_sequences
        if found != list(range(shard.state.confirmed + 1, shard.state.decided + 1)):
            reason = f"the outbox holds {found}, not {shard.state.confirmed + 1} to {shard.state.decided}"
            raise ShardHaltedError(self._number, reason)

    @step("take-over 3")
    async def _publish_leftovers(self, shard: OwnedShard, worker: ShardWorker) -> None:
        while shard.first_unpublished is not None:
            await worker.publisher.publish_first()

    @step("take-over 4")
    async def _begin_reading(self, shard: OwnedShard, worker: ShardWorker) -> None:
        position = await self._position_within_log(shard.state.position)
        # Nobody's wake time can be wrong where there is nobody: the first tick of all needn't look at everyone.
        fits = shard.state.policy == self._policy or not shard.state.users
        policy = self._policy if fits else None
        if (position, policy) != (shard.state.position, shard.state.policy):
            async with shard.transaction() as write:
                write.state = replace(write.state, position=position, policy=policy)
                await shard.commit(write)
        worker.fetch_position = position
        if not self._stream.seek(self._number, position):
            raise OwnershipLostError(f"shard {self._number} is not assigned any more")
        self._owned[self._number] = worker
        self._taken_over = True
        self._halted_reason = None

    async def _position_within_log(self, stored: int) -> int:
        beginning = await self._activity.beginning(self._number)
        if stored == FROM_THE_BEGINNING:
            return beginning
        if stored < beginning:
            reason = f"records {stored} to {beginning - 1} of the activity topic are gone before they were read"
            raise ShardHaltedError(self._number, reason)
        try:
            async for attempt in stamina.retry_context(
                on=_BeyondEndError, attempts=None, timeout=BEYOND_END_SECONDS, wait_initial=0.5, wait_max=5.0
            ):
                with attempt:
                    await self._check_end(stored)
        except _BeyondEndError as error:
            raise ShardHaltedError(self._number, f"{error}: was the topic recreated?") from error
        return stored

    async def _check_end(self, position: int) -> None:
        end = await self._activity.end(self._number)
        if position > end:
            raise _BeyondEndError(f"position {position} lies beyond the end of the activity log, {end}")
