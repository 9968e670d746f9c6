"""The service: reads the group's share of the activity topic, keeps ticks judged, and holds the assigned shards."""

import asyncio
from collections.abc import Callable

import structlog

from consumer.ownership import ShardHolder
from consumer.worker import ShardWorker, gravest
from domain.errors import OwnershipLostError, PositionGoneError, TransientError
from domain.ports import ActivityStream, Store, TickStream
from domain.records import RecordBatch

log = structlog.get_logger()

# How long a poll waits for records: what a tick may wait for a position that moved without any.
POLL_SECONDS = 0.1
TICK_POLL_SECONDS = 1.0
# After a failure that may pass.
PAUSE_SECONDS = 1.0

MakeHolder = Callable[[int, dict[int, ShardWorker]], ShardHolder]


class Service:
    """Runs until it is stopped. One instance is one member of the consumer group."""

    def __init__(self, store: Store, stream: ActivityStream, ticks: TickStream, make_holder: MakeHolder) -> None:
        self._store = store
        self._stream = stream
        self._ticks = ticks
        self._make_holder = make_holder
        self._owned: dict[int, ShardWorker] = {}
        self._held: dict[int, tuple[ShardHolder, asyncio.Task[None]]] = {}
        self._holding: set[asyncio.Task[None]] = set()
        self._assigned: frozenset[int] = frozenset()
        self._assignment_changed = asyncio.Event()
        self._judged_to = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set, then end what is under way and leave the group.

        Raises MisconfiguredError, and what is a defect.
        """
        await self._stream.start(self._on_revoked, self._on_assigned)
        log.info("service_started")
        try:
            async with asyncio.TaskGroup() as tasks:
                following = tasks.create_task(self._follow_assignment(tasks), name="follow assignment")
                working = [
                    tasks.create_task(self._poll(), name="poll activity"),
                    tasks.create_task(self._judge_ticks(), name="judge ticks"),
                ]
                await stop.wait()
                # First nothing new is taken, then what is held may end in peace.
                following.cancel()
                await self._give_up(set(self._held))
                for task in [*working, *self._holding]:
                    task.cancel()
        except BaseExceptionGroup as errors:
            raise gravest(errors) from errors
        finally:
            await self._stream.stop()
        log.info("service_stopped")

    async def _on_revoked(self, _shards: frozenset[int]) -> None:
        """Nothing is read while partitions are being assigned anew, and the fence guards what is still under way."""

    async def _on_assigned(self, shards: frozenset[int]) -> None:
        # Reading goes on where it was for shards that stay: the new assignment knows no positions.
        for number in shards & self._owned.keys():
            self._stream.seek(number, self._owned[number].fetch_position)
        self._assigned = shards
        self._assignment_changed.set()

    async def _follow_assignment(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            await self._assignment_changed.wait()
            self._assignment_changed.clear()
            log.info("shards_assigned", shards=sorted(self._assigned))
            await self._give_up(self._held.keys() - self._assigned)
            for number in sorted(self._assigned - self._held.keys()):
                holder = self._make_holder(number, self._owned)
                holding = tasks.create_task(holder.hold(), name=f"hold shard {number}")
                self._held[number] = holder, holding
                self._holding.add(holding)
                holding.add_done_callback(self._holding.discard)

    async def _give_up(self, numbers: set[int]) -> None:
        given_up = [self._held.pop(number) for number in sorted(numbers)]
        await asyncio.gather(*(holder.give_up(task) for holder, task in given_up))

    async def _poll(self) -> None:
        while True:
            wanting = [number for number, worker in self._owned.items() if worker.wants_records]
            try:
                await self._hand_out(await self._stream.poll(wanting, POLL_SECONDS))
            except PositionGoneError as error:
                if error.shard in self._owned:
                    await self._owned[error.shard].fail(error)
            except TransientError as error:
                log.warning("poll_failed", reason=str(error))
                await asyncio.sleep(PAUSE_SECONDS)

    async def _hand_out(self, batches: list[RecordBatch]) -> None:
        for batch in batches:
            worker = self._owned.get(batch.partition)
            if worker is not None and not await worker.offer(batch):
                self._stream.seek(batch.partition, worker.fetch_position)

    async def _judge_ticks(self) -> None:
        position: int | None = None
        while True:
            try:
                position = await self._judge_more(position)
            except (TransientError, OwnershipLostError) as error:
                log.warning("judging_failed", reason=str(error))
                position = None
                await asyncio.sleep(PAUSE_SECONDS)

    async def _judge_more(self, position: int | None) -> int | None:
        """Judge what came since ``position``; None where that is to be asked for."""
        worker = next(iter(self._owned.values()), None)
        if worker is None:
            await asyncio.sleep(POLL_SECONDS)
            return None
        if position is None:
            position = await self._store.tick_next()
        batch = await self._ticks.poll(position, TICK_POLL_SECONDS)
        if batch.next_position > position:
            position = await worker.judging.judge(batch)
        # Asked after judging, and before any shard chooses: all ticks up to here are known to whoever does.
        end = await self._ticks.end()
        if position == end:
            self._judged_to = position
        elif position > end:
            log.error("tick_position_beyond_end", position=position, end=end)
        elif batch.next_position == batch.position:
            position = await worker.judging.judge(await self._skip_what_is_gone(position))
        for owned in list(self._owned.values()):
            await owned.ticks_judged(self._judged_to)
        return position

    async def _skip_what_is_gone(self, position: int) -> RecordBatch:
        """An empty batch from ``position`` to the beginning of the tick topic, where that lies behind it."""
        beginning = max(await self._ticks.beginning(), position)
        if beginning > position:
            log.warning("ticks_gone", first=position, last=beginning - 1)
        return RecordBatch(0, position, beginning, ())
