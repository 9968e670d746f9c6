"""The service: reads the group's share of the activity topic, keeps ticks judged, and holds the assigned shards."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import structlog

from consumer import metrics
from consumer.hindrance import Hindrance
from consumer.ownership import ShardHolder
from consumer.repeating import for_ever
from consumer.tick_follower import TickFollower
from consumer.watchdog import Watchdog
from consumer.worker import ShardWorker, gravest
from domain.errors import PositionGoneError, TransientError
from domain.ports import ActivityStream, Store, TickStream
from domain.records import RecordBatch

log = structlog.get_logger()

# How long a poll waits for records: what a tick may wait for a position that moved without any.
POLL_SECONDS = 0.1

# A poll ends within seconds, whether Kafka answers or not: one that takes so long never will.
LONGEST_POLL_SECONDS = 60.0

MakeHolder = Callable[[int, dict[int, ShardWorker]], ShardHolder]
Held = tuple[ShardHolder, "asyncio.Task[None]"]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a worker stands. ``member``: the group has given it its shards, if any, and reading them works.

    ``hindrance``: why nothing can be written, if so.
    """

    member: bool
    assigned: frozenset[int]
    owned: frozenset[int]
    hindrance: str | None


class Service:
    """Runs until it is stopped. One instance is one member of the consumer group."""

    def __init__(
        self,
        stream: ActivityStream,
        store: Store,
        ticks: TickStream,
        make_holder: MakeHolder,
        watchdog: Watchdog,
        hindrance: Hindrance,
    ) -> None:
        self._stream = stream
        self._make_holder = make_holder
        self._watchdog = watchdog
        self._hindrance = hindrance
        self._owned: dict[int, ShardWorker] = {}
        self._tick_stream = ticks
        self._ticks = TickFollower(store, ticks, self._owned)
        self._held: dict[int, Held] = {}
        self._holding: set[asyncio.Task[None]] = set()
        self._assigned: frozenset[int] = frozenset()
        self._assignment_changed = asyncio.Event()
        self._polls = True
        self._polled_at = time.monotonic()

    @property
    def owned(self) -> Mapping[int, ShardWorker]:
        """The workers of the owned shards, as they change."""
        return self._owned

    @property
    def polls(self) -> bool:
        """Whether reading gets on, be it that Kafka doesn't answer."""
        return time.monotonic() - self._polled_at < LONGEST_POLL_SECONDS

    @property
    def standing(self) -> Standing:
        """How this worker stands now."""
        return Standing(self._membership() is not None, self._assigned, frozenset(self._owned), self._hindrance.reason)

    async def ask_kafka(self) -> None:
        """Ask Kafka for anything. Raises TransientError when it doesn't answer."""
        await self._tick_stream.end()

    async def watch(self) -> None:
        """Watch that the service gets on, beside ``run``. Raises StuckError when it doesn't."""
        await self._watchdog.run(self._membership)

    def _membership(self) -> frozenset[int] | None:
        """The shards that the group gave to this member; None while it is not a member, or can't read."""
        return self._assigned if self._polls and self._stream.is_member else None

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set, then end what is under way and leave the group.

        Raises MisconfiguredError, and what is a defect.
        """
        self._stream.join(self._on_revoked, self._on_assigned)
        log.info("service_started")
        try:
            async with asyncio.TaskGroup() as tasks:
                following = tasks.create_task(self._follow_assignment(tasks), name="follow assignment")
                working = [
                    tasks.create_task(for_ever(self._poll), name="poll activity"),
                    tasks.create_task(for_ever(self._ticks.follow), name="follow ticks"),
                ]
                await stop.wait()
                # First nothing new is taken, then what is held may end in peace.
                following.cancel()
                await _give_up(self._held.values())
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
        metrics.rebalances.inc()
        self._assignment_changed.set()

    async def _follow_assignment(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            await self._assignment_changed.wait()
            self._assignment_changed.clear()
            log.info("shards_assigned", shards=sorted(self._assigned))
            # Beside one another: what is new doesn't wait for what has to end.
            gone = [self._held.pop(number) for number in sorted(self._held.keys() - self._assigned)]
            tasks.create_task(_give_up(gone), name="give up shards")
            for number in sorted(self._assigned - self._held.keys()):
                holder = self._make_holder(number, self._owned)
                holding = tasks.create_task(holder.hold(), name=f"hold shard {number}")
                self._held[number] = holder, holding
                self._holding.add(holding)
                holding.add_done_callback(self._holding.discard)

    async def _poll(self) -> None:
        self._polled_at = time.monotonic()
        wanting = [number for number, worker in self._owned.items() if worker.wants_records]
        try:
            batches = await self._stream.poll(wanting, POLL_SECONDS)
        except PositionGoneError as error:
            if error.shard in self._owned:
                await self._owned[error.shard].fail(error)
        except TransientError:
            self._polls = False
            raise
        else:
            self._polls = True
            await self._hand_out(batches)

    async def _hand_out(self, batches: list[RecordBatch]) -> None:
        for batch in batches:
            worker = self._owned.get(batch.partition)
            if worker is not None and not await worker.offer(batch):
                self._stream.seek(batch.partition, worker.fetch_position)


async def _give_up(held: Collection[Held]) -> None:
    await asyncio.gather(*(holder.give_up(holding) for holder, holding in held))
