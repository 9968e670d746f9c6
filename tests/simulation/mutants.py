"""Stores with one defect each: the simulation has to notice them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from domain.messages import EngagementMessage
from domain.ownership import Ownership, ShardState
from domain.policy import Policy
from domain.users import MICROSECOND, StoredUser
from tests.fakes.store import FakeStore
from tests.fakes.tables import Move, Tables, TickRow, UserRow
from tests.fakes.transaction import FakeShardTransaction


class _WithoutCorrections(FakeShardTransaction):
    def _leave_correction(self, move: Move) -> None:
        pass


class _MovedUsersWait(FakeShardTransaction):
    def _moved(self, stored: StoredUser) -> StoredUser:
        return stored


class _NobodyMadeDue(FakeShardTransaction):
    async def make_all_due(self, limit: int) -> bool:
        return True


class _CoalescedNotCounted(FakeShardTransaction):
    def _coalesced(self, row: TickRow) -> TickRow:
        return row


class _WakesLate(FakeShardTransaction):
    async def write_skipped(self, users: Sequence[StoredUser]) -> None:
        await super().write_skipped([replace(stored, wake_at=stored.wake_at + MICROSECOND) for stored in users])

    async def write_messaged(self, messages: Sequence[EngagementMessage], wake_at: datetime) -> None:
        await super().write_messaged(messages, wake_at + MICROSECOND)


class _StaysActive(FakeShardTransaction):
    def _still_active(self, row: UserRow, at: datetime, policy: Policy) -> bool:
        return super()._still_active(row, at - MICROSECOND, policy)


class WithoutCorrections(FakeStore):
    """A shard that takes a user away leaves no correction for the other's counters."""

    transaction_type = _WithoutCorrections


class MovedUsersWait(FakeStore):
    """A user who moves keeps the wake time that another shard computed."""

    transaction_type = _MovedUsersWait


class NobodyMadeDue(FakeStore):
    """After a change of policy nobody is looked at before the old wake time."""

    transaction_type = _NobodyMadeDue


class CoalescedNotCounted(FakeStore):
    """A shard that leaves a tick out isn't counted in it."""

    transaction_type = _CoalescedNotCounted


class WakesLate(FakeStore):
    """Wake times are a microsecond too late."""

    transaction_type = _WakesLate


class StaysActive(FakeStore):
    """Who was active until a microsecond too early counts as active without a look."""

    transaction_type = _StaysActive


class WithoutFence(FakeStore):
    """A former owner is not refused, and no position is compared. What is left is that owners compare the row."""

    def _fenced(self, tables: Tables, ownership: Ownership, position: int | None) -> ShardState:
        return replace(tables.shards[ownership.shard], epoch=ownership.epoch)

    def _check_epoch(self, tables: Tables, ownership: Ownership) -> None:
        pass


MUTANTS: tuple[type[FakeStore], ...] = (
    WithoutCorrections,
    MovedUsersWait,
    NobodyMadeDue,
    CoalescedNotCounted,
    WakesLate,
    StaysActive,
    WithoutFence,
)
