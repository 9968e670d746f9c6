"""One owned shard at work: what it does next, one thing at a time, with its publisher beside it."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence

from consumer.cycle import TickEvaluation
from consumer.ingest import DecodedBatch, Ingest
from consumer.judging import Judging
from consumer.publish import Publisher
from consumer.shard import OwnedShard
from domain.errors import EngagementError, MisconfiguredError, OwnershipLostError, ShardHaltedError, TransientError
from domain.records import RecordBatch
from domain.ticks import UsableTick

# After so long without anything to do, an owner looks whether its shard is still as it left it: an asynchronous commit
# may have been lost in a crash of Postgres, and on a quiet topic nothing else would ever notice.
IDLE_LOOK_SECONDS = 10.0
# Behind the one that is being written and the one that waits decoded, batches wait as they were fetched: Postgres never
# waits for the processor of this process, nor that for a fetch. With only one of them, a shard would often want nothing
# when the next poll begins, which then waits for nobody for a tenth of a second (an event took 0.2 s into the state).
BATCHES_WAITING = 2

# From the one that needs a person to the one that passes by itself; what isn't named is a defect, and graver.
_BY_GRAVITY = (MisconfiguredError, ShardHaltedError, OwnershipLostError, TransientError)


def gravest(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error of several at once that says what must be done."""
    flat = list(_flattened(errors))
    defects = [error for error in flat if not isinstance(error, _BY_GRAVITY)]
    return [*defects, *sorted(flat, key=_gravity)][0]


def _gravity(error: BaseException) -> int:
    return next((rank for rank, kind in enumerate(_BY_GRAVITY) if isinstance(error, kind)), 0)


def _flattened(errors: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in errors.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _flattened(error)
        else:
            yield error


class ShardWorker:
    """Works for one ownership until it is asked to stop, or something fails."""

    def __init__(
        self, shard: OwnedShard, publisher: Publisher, ingest: Ingest, evaluation: TickEvaluation, judging: Judging
    ) -> None:
        self.shard = shard
        self.publisher = publisher
        self.judging = judging
        self.fetch_position = shard.state.position
        self._ingest = ingest
        self._evaluation = evaluation
        self._batches: deque[RecordBatch] = deque()
        self._decoded: DecodedBatch | None = None
        self.judged_to = 0
        self._usable: Sequence[UsableTick] = ()
        self._failure: EngagementError | None = None

    @property
    def wants_records(self) -> bool:
        """Whether another batch may be handed in."""
        return len(self._batches) < BATCHES_WAITING and not self.shard.stopping

    async def offer(self, batch: RecordBatch) -> bool:
        """Hand in a batch; False when it doesn't begin where the last one ended: seek to ``fetch_position``."""
        if batch.position != self.fetch_position:
            return False
        self.fetch_position = batch.next_position
        self._batches.append(batch)
        await self.shard.notify()
        return True

    async def ticks_judged(self, end: int, usable: Sequence[UsableTick]) -> None:
        """The tick topic is judged up to ``end``, which was its end at some time before.

        ``usable``: its usable ticks below that, from the shard's cursor on at least.
        """
        self.judged_to = end
        self._usable = usable
        await self.shard.notify()

    async def fail(self, error: EngagementError) -> None:
        """Let ``run`` raise the error, after what is under way."""
        self._failure = error
        await self.shard.notify()

    async def run(self) -> None:
        """Work until the shard stops. Raises the gravest of what the parts of the work raise."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.publisher.run(), name=f"publish shard {self.shard.number}")
                tasks.create_task(self._work(), name=f"work for shard {self.shard.number}")
                tasks.create_task(self._decode(), name=f"decode for shard {self.shard.number}")
        except BaseExceptionGroup as errors:
            raise gravest(errors) from errors

    async def _work(self) -> None:
        while not self.shard.stopping:
            try:
                async with asyncio.timeout(IDLE_LOOK_SECONDS):
                    await self.shard.wait_until(lambda: self.shard.stopping or self._next() is not None)
            except TimeoutError:
                await self._look()
                continue
            action = self._next()
            if action is not None and not self.shard.stopping:
                await action()

    async def _decode(self) -> None:
        while not self.shard.stopping:
            await self.shard.wait_until(lambda: self.shard.stopping or self.can_decode)
            if not self.shard.stopping:
                await self.decode_next()

    @property
    def can_decode(self) -> bool:
        """Whether a batch waits to be decoded, and none is."""
        return self._decoded is None and bool(self._batches)

    async def decode_next(self) -> None:
        """Decode the batch that waits, for the work to take it in."""
        self._decoded = await self._ingest.decode(self._batches.popleft())
        await self.shard.notify()

    async def _look(self) -> None:
        """Raises OwnershipLostError when the shard is another one's, or is stored otherwise than it was left."""
        async with self.shard.transaction():
            pass

    def _next(self) -> Callable[[], Awaitable[None]] | None:
        """What to do now, if anything. Ticks come before activity: one that has begun ends first.

        Everything but choosing may add an entry, so it waits for room: that bounds what is unpublished.
        """
        evaluation = self._evaluation
        if self._failure is not None:
            return self._give_in
        if not evaluation.under_way and evaluation.can_choose(self.judged_to):
            return self._choose
        if not self.shard.has_room:
            return None
        if evaluation.under_way:
            return evaluation.go_on
        if evaluation.can_begin:
            return evaluation.begin
        return self._take_in if self._decoded is not None else None

    async def _give_in(self) -> None:
        if self._failure is not None:
            raise self._failure

    async def _choose(self) -> None:
        await self._evaluation.choose(self._usable, self.judged_to)

    async def _take_in(self) -> None:
        decoded, self._decoded = self._decoded, None
        await self.shard.notify()
        if decoded is not None:
            await self._ingest.take_in(decoded)
