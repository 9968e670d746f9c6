"""Activity into the state: the four steps of a batch.

1. Read and decode, outside any transaction; what can't be used becomes a dead letter.
   Crash after: nothing is stored, the batch is read again.
2. Begin; the fence, with the position that the batch starts from; set the position behind it.
   Crash after: rolled back, as 1.
3. One change per user into the users; counters; dead letters into the outbox. Crash after: as 2.
4. Commit. Crash after: the batch is in the state, and is not read again.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from adapters.codec import Limits, decode_activity, read_ordinary
from consumer import metrics
from consumer.dead_letters import DeadLetters, add_letters
from consumer.publish import Publisher
from consumer.shard import OwnedShard
from consumer.steps import StepHook, step
from domain.policy import Policy
from domain.ports import ShardTransaction
from domain.records import OutgoingRecord, RawRecord, RecordBatch
from domain.users import ActivityChange, coalesce

log = structlog.get_logger()

# Reading lets other tasks (heartbeats among them) run in between: an ordinary record takes about 1 µs, the worst one of
# 64 KiB about 0.2 ms.
ORDINARY_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class DecodedBatch:
    """What a batch of so many records says: one change per user, and what can't be used.

    Without the records, which are let go before Postgres takes its time. ``seconds``: what it took.
    """

    position: int
    next_position: int
    records: int
    changes: Sequence[ActivityChange]
    dead_letters: Sequence[OutgoingRecord]
    seconds: float


class Ingest:
    """Takes batches of one shard into the state, one after the other; the next may be decoded meanwhile."""

    def __init__(
        self,
        shard: OwnedShard,
        publisher: Publisher,
        *,
        policy: Policy,
        limits: Limits,
        dead_letters: DeadLetters,
        hook: StepHook,
    ) -> None:
        self.hook = hook
        self._shard = shard
        self._publisher = publisher
        self._policy = policy
        self._limits = limits
        self._dead_letters = dead_letters

    async def take_in(self, decoded: DecodedBatch) -> None:
        """Steps 2 to 4. Raises OwnershipLostError when the batch doesn't start at the stored position."""
        started = time.monotonic()
        if decoded.dead_letters:
            await self._publisher.ready()
        async with contextlib.AsyncExitStack() as transaction:
            write = await self._begin(decoded, transaction)
            await self._write(write, decoded)
            await self._commit(write)
        seconds = decoded.seconds + time.monotonic() - started
        _measure(decoded, seconds)
        log.info(
            "batch_committed",
            shard=self._shard.number,
            position=decoded.next_position,
            records=decoded.records,
            users=len(decoded.changes),
            dead_letters=len(decoded.dead_letters),
            seconds=round(seconds, 4),
        )

    @step("batch 1")
    async def decode(self, batch: RecordBatch) -> DecodedBatch:
        """Step 1."""
        started = time.monotonic()
        seen: list[tuple[str, datetime]] = []
        left: list[RawRecord] = []
        for start in range(0, len(batch.records), ORDINARY_AT_ONCE):
            some = batch.records[start : start + ORDINARY_AT_ONCE]
            seen += read_ordinary(some, self._limits, left)
            await asyncio.sleep(0)
        decoded, dead = await self._dead_letters.sort_out(
            [batch.input_record(raw) for raw in left], lambda record: decode_activity(record, self._limits)
        )
        changes = coalesce((event for event in decoded if event is not None), seen)
        seconds = time.monotonic() - started
        return DecodedBatch(batch.position, batch.next_position, len(batch.records), changes, dead, seconds)

    @step("batch 2")
    async def _begin(self, decoded: DecodedBatch, transaction: contextlib.AsyncExitStack) -> ShardTransaction:
        # Without dead letters, state and position are lost together if Postgres crashes, and the fence notices.
        begun: AbstractAsyncContextManager[ShardTransaction] = self._shard.transaction(
            position=decoded.position, durable=bool(decoded.dead_letters)
        )
        write = await transaction.enter_async_context(begun)
        write.state = replace(write.state, position=decoded.next_position)
        return write

    @step("batch 3")
    async def _write(self, write: ShardTransaction, decoded: DecodedBatch) -> None:
        await write.apply_activity(decoded.changes, self._policy)
        await add_letters(write, decoded.dead_letters)

    @step("batch 4")
    async def _commit(self, write: ShardTransaction) -> None:
        await self._shard.commit(write)


def _measure(decoded: DecodedBatch, seconds: float) -> None:
    metrics.batch_duration.observe(seconds)
    metrics.count_dead_letters("activity", decoded.dead_letters)
    metrics.records.labels("activity", "accepted").inc(decoded.records - len(decoded.dead_letters))
    if decoded.changes:
        newest = max(change.last_active for change in decoded.changes)
        metrics.event_age.observe(time.time() - newest.timestamp())
