"""A shard as its row in the store tells it, and what an owner may do with it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from domain.cycles import Figures
from domain.errors import OwnershipLostError
from domain.events import Tick
from domain.policy import Policy
from domain.records import OutgoingRecord


@dataclass(frozen=True, slots=True)
class Ownership:
    """The right to write a shard's state: holds while the stored epoch is this one."""

    shard: int
    epoch: int

    def over(self) -> OwnershipLostError:
        """The error of whoever finds that the stored epoch is another one."""
        return OwnershipLostError(f"shard {self.shard} is not ours any more: epoch {self.epoch} is over")


@dataclass(frozen=True, slots=True)
class BegunTick:
    """A tick that the shard has begun: it ends with the policy and, all users together, the figures it began with.

    ``last_sequence`` is set once the last chunk is decided: when it is confirmed, the shard is done with the tick.
    """

    offset: int
    tick: Tick
    policy: Policy
    figures: Figures
    last_sequence: int | None = None


@dataclass(frozen=True, slots=True)
class ShardState:
    """The shard's row. ``policy`` is the one its wake times were computed with, or None when they must be redone.

    ``position`` is the next activity offset to read, ``tick_cursor`` the next tick offset to look at. Sequences up to
    ``decided`` were given to outbox entries, those up to ``confirmed`` are known to be published. ``active`` and
    ``recently_messaged`` count the shard's users by stored outcome. ``tick_due`` counts the due users dealt with so far
    of the tick begun last, for those who watch.
    """

    shard: int
    epoch: int
    position: int
    tick_cursor: int
    decided: int
    confirmed: int
    active: int
    recently_messaged: int
    tick_due: int
    policy: Policy | None
    begun: BegunTick | None

    @property
    def users(self) -> int:
        """How many users it has, those included whose move to another shard it hasn't heard of yet."""
        return self.active + self.recently_messaged

    @property
    def ownership(self) -> Ownership:
        """The right that this state was read with."""
        return Ownership(self.shard, self.epoch)


@dataclass(frozen=True, slots=True, weakref_slot=True)
class OutboxEntry:
    """Records that are published in one Kafka transaction, in the order of ``sequence`` within the shard.

    ``records``: those that ``payload`` holds, where whoever packed them still has them.
    """

    sequence: int
    payload: bytes
    records: Sequence[OutgoingRecord] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ShardProgress:
    """How far a shard is, for whoever asks whether it gets on.

    ``unfinished``: a tick is begun, or entries are not confirmed. ``tick_waits``: a usable tick is not begun.
    ``written`` tells apart what two transactions wrote, also when that is the same.
    """

    shard: int
    epoch: int
    position: int
    tick_cursor: int
    decided: int
    confirmed: int
    written: str
    halted: bool
    unfinished: bool
    tick_waits: bool

    def is_further_than(self, before: "ShardProgress") -> bool:
        """Whether the shard got on since: it moved, or its owner wrote. A take-over alone is no progress."""
        moved = (self.position, self.tick_cursor, self.decided, self.confirmed) != (
            before.position,
            before.tick_cursor,
            before.decided,
            before.confirmed,
        )
        return moved or (self.epoch == before.epoch and self.written != before.written)
