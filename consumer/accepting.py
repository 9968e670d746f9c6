"""Letting a halted shard go on, as an operator has decided.

1. Epoch + 1 in Postgres, while the shard is halted: whoever had it, and any other operator, is refused from here.
   Crash after: it is still halted, and a repetition raises the epoch once more.
2. Start the shard's producer, which fences every other and ends what they left open; the epoch must still be ours.
   Commit a probe and read the marker up to it. Crash after: still halted, nothing has changed.
3. Commit the marker from which publishing goes on. Crash after: still halted; a repetition finds a marker that fits.
4. In one transaction: the position, empty entries in the holes of the outbox, and the reason for the halt is cleared.
   Crash before: still halted. After: any worker takes the shard, as it takes every other.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from adapters.codec import unpack_records
from adapters.kafka.topics import TopicNames
from adapters.postgres.acceptance import HaltedShards
from consumer.publish import last_marker
from domain.acceptance import Acceptance, Account, Contents, HaltedShard, MarkerFinding, acceptance
from domain.errors import MarkerUnreadableError, MisconfiguredError
from domain.ownership import OutboxEntry
from domain.ports import ActivityLog, Producers

Reached = Callable[[int], None]
"""Hears of each step that is done, by its number."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A halted shard as it was found, what letting it go on means, and what that loses or repeats."""

    halted: HaltedShard
    acceptance: Acceptance
    account: Account


class Accepting:
    """Looks at halted shards, and lets them go on. Every method raises TransientError, MisconfiguredError."""

    def __init__(
        self,
        store: HaltedShards,
        producers: Producers,
        activity: ActivityLog,
        names: TopicNames,
        reached: Reached = lambda _: None,
    ) -> None:
        self._store = store
        self._producers = producers
        self._activity = activity
        self._names = names
        self._reached = reached

    async def foresee(self, shard: int, ask_for_marker: Callable[[int], Awaitable[int]]) -> Accepted:
        """What ``accept`` would do now, given the marker in Kafka; nothing is changed."""
        await self._check_partitions(shard)
        return await self._look(shard, await _readable(ask_for_marker(shard)))

    async def accept(self, shard: int) -> Accepted | None:
        """Let the shard go on; None where it is not halted. Safe to repeat after any error and any crash.

        Raises OwnershipLostError when somebody else does the same at the same time: one of the two may succeed.
        """
        await self._check_partitions(shard)
        ownership = await self._store.claim(shard)
        if ownership is None:
            return None
        self._reached(1)
        producer = await self._producers.start(shard)
        try:
            await self._store.check(ownership)
            accepted = await self._look(shard, await _readable(last_marker(self._producers, producer, shard)))
            self._reached(2)
            await producer.begin()
            await producer.send(accepted.acceptance.marker, [])
            await producer.commit()
            self._reached(3)
        finally:
            await producer.close()
        change = accepted.acceptance
        await self._store.release(ownership, position=change.position, holes=change.holes, strays=change.strays)
        self._reached(4)
        return accepted

    async def _check_partitions(self, shard: int) -> None:
        partitions = await self._activity.shards()
        if shard >= partitions:
            raise MisconfiguredError(
                f"the activity topic {self._names.activity!r} and the progress topic {self._names.progress!r} have"
                f" {partitions} partitions in common, so none for shard {shard}: give the activity topic as many as"
                " before; `engage init` then extends the progress topic"
            )

    async def _look(self, shard: int, marker: int | None) -> Accepted:
        state = await self._store.state(shard)
        entries = await self._store.outbox(shard)
        halted = HaltedShard(
            shard=shard,
            position=state.position,
            confirmed=state.confirmed,
            decided=state.decided,
            outbox=frozenset(entry.sequence for entry in entries),
            marker=marker,
            beginning=await self._activity.beginning(shard),
            end=await self._activity.end(shard),
        )
        change = acceptance(halted)
        return Accepted(halted, change, await self._account(halted, change, entries))

    async def _account(self, halted: HaltedShard, change: Acceptance, entries: list[OutboxEntry]) -> Account:
        unmarked: int | None = 0
        if halted.marker_finding is MarkerFinding.BEHIND and halted.marker is not None:
            unmarked = await self._store.messages_between(halted.shard, halted.marker + 1, halted.confirmed)
        uncovered = [hole for hole in change.holes if hole > change.marker]
        return Account(
            waiting=self._contents(entry for entry in entries if change.marker < entry.sequence <= halted.decided),
            dropped=self._contents(entry for entry in entries if entry.sequence > halted.decided),
            unmarked=unmarked,
            lost=await self._store.messages_of(halted.shard, uncovered),
        )

    def _contents(self, entries: Iterable[OutboxEntry]) -> Contents:
        topics = Counter(record.topic for entry in entries for record in unpack_records(entry.payload))
        names = self._names
        return Contents(topics[names.messages], topics[names.cycles], topics[names.dead_letters])


async def _readable(marker: Awaitable[int]) -> int | None:
    """The marker, None where it is not a sequence."""
    try:
        return await marker
    except MarkerUnreadableError:
        return None
