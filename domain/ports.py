"""The outside world as the service uses it: two streams in, one producer per shard out, one store.

Every method that waits raises ``TransientError`` when the other side does not answer in time or fails in a way that
may pass; a repetition from stored state is then safe.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from domain.cycles import Cycle
from domain.messages import EngagementMessage
from domain.ownership import OutboxEntry, Ownership, ShardProgress, ShardState
from domain.policy import Policy
from domain.records import OutgoingRecord, RecordBatch
from domain.ticks import JudgedTick, UsableTick
from domain.users import ActivityChange, DueUsers, StoredUser

AssignmentListener = Callable[[frozenset[int]], Awaitable[None]]


class ActivityStream(Protocol):
    """The activity topic, read as a member of the consumer group; only committed records are seen."""

    def join(self, on_revoked: AssignmentListener, on_assigned: AssignmentListener) -> None:
        """Begin to join the group. The listeners get the partitions taken away and the complete new assignment.

        They run while records of the old assignment may still be handed out, and what they raise is lost: they must
        only note the change.
        """

    @property
    def is_member(self) -> bool:
        """Whether an assignment is in force, be it of no shards."""

    async def poll(self, shards: Collection[int], timeout_seconds: float) -> list[RecordBatch]:
        """What was fetched of exactly the given shards, after at most the timeout; a batch each whose position moved.

        With no shards it only keeps the membership alive. It must be called at least every few seconds. Raises
        PositionGoneError for a shard that was sought to where the log isn't; the others go on from where they were.
        """

    def seek(self, shard: int, position: int) -> bool:
        """Let the next poll of the shard start at ``position``; False when the shard isn't assigned any more."""

    def park(self, shard: int) -> None:
        """Fetch nothing for the shard until the next ``seek``. Nothing happens when it isn't assigned."""

    async def note_positions(self, positions: Mapping[int, int]) -> None:
        """Tell the group where these shards are, for those who watch it; nobody reads from there.

        Shards that aren't assigned any more are left out.
        """

    async def stop(self) -> None:
        """Leave the group."""


class ActivityLog(Protocol):
    """The extent of the activity topic's partitions, asked for afresh at each call."""

    async def shards(self) -> int:
        """How many shards there can be: the smaller of the activity's and the progress topic's partition counts."""

    async def beginning(self, shard: int) -> int:
        """The lowest offset that can still be read."""

    async def end(self, shard: int) -> int:
        """The high watermark: every acknowledged record lies below it, also those of open transactions."""

    async def both_ends(self, shards: Collection[int]) -> dict[int, tuple[int, int]]:
        """Of each shard, the last stable offset, below which no transaction is open, and the high watermark."""


class TickStream(Protocol):
    """The one partition of the tick topic, read without a group; only committed records are seen."""

    async def poll(self, position: int, timeout_seconds: float) -> RecordBatch:
        """Records from ``position`` on, waiting for one at most the timeout; empty and unmoved when none came."""

    async def beginning(self) -> int:
        """The lowest offset that can still be read."""

    async def end(self) -> int:
        """The last stable offset: every committed tick lies below it."""


class ShardProducer(Protocol):
    """The one producer of a shard: starting it fenced every other, and ended what was left open.

    One transaction is ``begin``, then one ``send`` or ``send_probe``, then ``commit``. After anything raised, or a
    commit that may have been sent twice, ``usable`` is False: throw it away and start another.
    """

    @property
    def usable(self) -> bool:
        """Whether another transaction may be begun."""

    async def begin(self) -> None:
        """Begin a Kafka transaction."""

    async def send(self, sequence: int, records: Sequence[OutgoingRecord]) -> None:
        """Send the records and the marker ``sequence``; returns when each of them was acknowledged."""

    async def send_probe(self) -> int:
        """Send a record without meaning to the shard's partition of the progress topic, and return its offset."""

    async def commit(self) -> None:
        """Commit the transaction."""

    async def close(self) -> None:
        """Let go of the connections, within a few seconds; an open transaction is left to be aborted."""


class Producers(Protocol):
    """Makes producers, and reads the markers they wrote."""

    async def start(self, shard: int) -> ShardProducer:
        """A new producer for the shard; when it is returned, every earlier one of the shard is fenced."""

    async def marker(self, shard: int, probe: int) -> int:
        """The last marker in the shard's partition of the progress topic before the probe's offset; 0 without any.

        Waits until everything up to the probe is decided (committed or aborted) and was read.
        """


class ShardTransaction(Protocol):
    """One transaction of a shard's owner; its first statement was the fence.

    ``state`` is the shard's row as ``commit`` will write it: the methods below change it, and so may the caller.
    """

    state: ShardState

    async def apply_activity(self, changes: Sequence[ActivityChange], policy: Policy) -> None:
        """Fold the changes (sorted by user id, one per user) into the users, and what that moves into the counters.

        A user of another shard moves here: due at once, and a correction is left for the other shard.
        """

    async def add_entry(self, records: Sequence[OutgoingRecord]) -> None:
        """Put the records into the outbox as one entry, under the next sequence."""

    async def lock_tick_log(self) -> tuple[int, datetime | None]:
        """Lock the deployment row: the offset to judge from, and the greatest usable time so far."""

    async def write_verdicts(self, verdicts: Sequence[JudgedTick], tick_next: int, latest: datetime | None) -> None:
        """Insert the verdicts; judging goes on at ``tick_next`` with ``latest`` as the greatest usable time."""

    async def fold_moves(self) -> None:
        """Fold the corrections that other shards left into the counters."""

    async def make_all_due(self, limit: int) -> bool:
        """Make up to ``limit`` users due at once; True when that were the last ones."""

    async def due_users(self, at: datetime, policy: Policy, limit: int) -> DueUsers:
        """Up to ``limit`` users whose wake time is ``at`` or before, the earliest first, locked.

        Of those who are stored as active, and still are by the policy, only the wake time is moved.
        """

    async def write_skipped(self, users: Sequence[StoredUser]) -> None:
        """Store outcome and wake time of users that ``due_users`` gave and who get no message."""

    async def write_messaged(self, messages: Sequence[EngagementMessage], wake_at: datetime) -> None:
        """Store of the messages' users, whom ``due_users`` gave, that they were messaged, and the next wake time."""

    async def log_messages(self, messages: Sequence[EngagementMessage]) -> None:
        """Note the messages in the message log; to be called before the entry that publishes them is added."""

    async def count_coalesced(self, ticks: Sequence[UsableTick]) -> list[Cycle]:
        """Count the shard done in ticks that it leaves out; returns the cycles that this ends, in order."""

    async def count_done(self) -> Cycle | None:
        """If the begun tick's last sequence is confirmed: count the shard done in it, with its figures, and forget it.

        Returns the cycle when this ends it. This and ``count_coalesced`` are the last locks of a transaction.
        """

    async def confirm(self, sequence: int) -> None:
        """Note that everything up to ``sequence`` is published, and delete those entries."""

    async def commit(self) -> list[OutboxEntry]:
        """Write ``state`` and commit. Returns the entries that were added, in order."""


class Store(Protocol):
    """Postgres: who was last active, who was last messaged, what is decided and not yet published."""

    async def grow(self, shards: int) -> None:
        """Raise the number of shards to at least ``shards``; the new ones begin behind all ticks judged so far."""

    async def take_over(self, shard: int) -> ShardState:
        """Raise the shard's epoch, so that every other owner is refused from now on, and read its row afterwards.

        Raises ShardHaltedError; ShardUnknownError while the shard has no row.
        """

    async def outbox(self, ownership: Ownership) -> list[OutboxEntry]:
        """What is decided and not confirmed, in order. Raises OwnershipLostError."""

    async def check(self, ownership: Ownership) -> None:
        """Raises OwnershipLostError when the epoch is not the stored one any more."""

    async def halt(self, ownership: Ownership, reason: str) -> None:
        """Note why the shard can't go on; no worker takes it until an operator accepts. Raises OwnershipLostError."""

    def transaction(
        self, ownership: Ownership, *, position: int | None = None, durable: bool = True
    ) -> AbstractAsyncContextManager[ShardTransaction]:
        """A transaction behind the fence; what isn't committed when the block is left is rolled back.

        ``position``: the stored position that the caller believes in. Not ``durable``: the commit may be lost in a
        crash of Postgres, whole. Raises OwnershipLostError on entering when the epoch or the position differs.
        """

    async def usable_ticks(self, cursor: int, end: int) -> list[UsableTick]:
        """The usable ticks with ``cursor <= offset < end``, in order."""

    async def tick_next(self) -> int:
        """The offset from which the tick topic is still to be judged."""

    async def progress(self, shards: Collection[int]) -> list[ShardProgress]:
        """How far these shards are; those without a row are left out."""
