"""One transaction of the store in memory."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from adapters.codec import pack_records
from domain.cycles import Cycle, Figures
from domain.messages import EngagementMessage
from domain.ownership import OutboxEntry, ShardState
from domain.policy import Policy
from domain.records import OutgoingRecord
from domain.ticks import JudgedTick, UsableTick, Verdict
from domain.times import EARLIEST, LATEST
from domain.users import ActivityChange, DueUsers, Outcome, StoredUser, apply, wake_when_active
from tests.fakes.tables import MessageRow, Move, Tables, TickRow, UserRow, check_user, require
from tests.fakes.wire import Wire

Publish = Callable[[Tables], None]


class FakeShardTransaction:
    """Implements ``ShardTransaction`` on tables of its own, which ``publish`` makes everybody's."""

    def __init__(self, tables: Tables, state: ShardState, publish: Publish, wire: Wire) -> None:
        self.state = state
        self.committed = False
        self._tables = tables
        self._publish = publish
        self._wire = wire
        self._entries: list[OutboxEntry] = []

    async def apply_activity(self, changes: Sequence[ActivityChange], policy: Policy) -> None:
        await self._wire.request("statement")
        for change in changes:
            before = self._tables.users.get(change.user_id)
            after = apply(None if before is None else before.stored, change, policy)
            if before is not None and before.shard != self.state.shard:
                after = self._moved(after)
                self._leave_correction(Move(before.shard, before.stored.outcome, -1))
            elif before is not None:
                self._count(before.stored.outcome, -1)
            self._count(after.outcome, 1)
            self._write_user(UserRow(self.state.shard, after))

    async def add_entry(self, records: Sequence[OutgoingRecord]) -> None:
        await self._wire.request("statement")
        entry = OutboxEntry(self.state.decided + 1, pack_records(records), records)
        key = (self.state.shard, entry.sequence)
        require(holds=key not in self._tables.outbox, constraint="a sequence is given once")
        self._tables.outbox[key] = entry.payload
        self.state = replace(self.state, decided=entry.sequence)
        self._entries.append(entry)

    async def lock_tick_log(self) -> tuple[int, datetime | None]:
        await self._wire.request("statement")
        return self._tables.tick_next, self._tables.tick_latest

    async def write_verdicts(self, verdicts: Sequence[JudgedTick], tick_next: int, latest: datetime | None) -> None:
        await self._wire.request("statement")
        for judged in verdicts:
            require(holds=judged.offset not in self._tables.ticks, constraint="a record is judged once")
            require(holds=judged.tick is None or self._is_new(judged), constraint="the time identifies the tick")
            self._tables.ticks[judged.offset] = TickRow(judged.verdict, judged.tick, len(self._tables.shards))
        self._tables.tick_next = tick_next
        self._tables.tick_latest = latest

    async def fold_moves(self) -> None:
        await self._wire.request("statement")
        for move in self._tables.moves:
            if move.shard == self.state.shard:
                self._count(move.outcome, move.change)
        self._tables.moves = tuple(move for move in self._tables.moves if move.shard != self.state.shard)

    async def make_all_due(self, limit: int) -> bool:
        await self._wire.request("statement")
        picked = [row for row in self._own_users() if row.stored.wake_at > EARLIEST][:limit]
        for row in picked:
            self._write_user(replace(row, stored=replace(row.stored, wake_at=EARLIEST)))
        return len(picked) < limit

    async def due_users(self, at: datetime, policy: Policy, limit: int) -> DueUsers:
        await self._wire.request("statement")
        due = [row for row in self._own_users() if row.stored.wake_at <= at and row.stored.wake_at < LATEST]
        picked = sorted(due[:limit], key=lambda row: row.stored.user.user_id)
        rest = [row.stored for row in picked if not self._still_active(row, at, policy)]
        return DueUsers(rest, len(picked) - len(rest), last=len(picked) < limit)

    async def write_skipped(self, users: Sequence[StoredUser]) -> None:
        await self._wire.request("statement")
        for skipped in users:
            row = self._tables.users[skipped.user.user_id]
            self._write_user(replace(row, stored=StoredUser(row.stored.user, skipped.outcome, skipped.wake_at)))

    async def write_messaged(self, messages: Sequence[EngagementMessage], wake_at: datetime) -> None:
        await self._wire.request("statement")
        for message in messages:
            row = self._tables.users[message.user_id]
            user = replace(row.stored.user, last_messaged=message.decided_at)
            self._write_user(replace(row, stored=StoredUser(user, Outcome.RECENTLY_MESSAGED, wake_at)))

    async def log_messages(self, messages: Sequence[EngagementMessage]) -> None:
        await self._wire.request("statement")
        for message in messages:
            key = (message.user_id, message.decided_at)
            require(holds=key not in self._tables.messages, constraint="one message per user and tick")
            self._tables.messages[key] = MessageRow(self.state.shard, self.state.decided + 1, message)

    async def count_coalesced(self, ticks: Sequence[UsableTick]) -> list[Cycle]:
        await self._wire.request("statement")
        rows = [self._write_tick(tick.offset, self._coalesced(self._tables.ticks[tick.offset])) for tick in ticks]
        return [row.cycle for row in rows if row.ended]

    async def count_done(self) -> Cycle | None:
        begun = self.state.begun
        if begun is None or begun.last_sequence is None or begun.last_sequence > self.state.confirmed:
            return None
        await self._wire.request("statement")
        counted = self._tables.ticks[begun.offset].counted(evaluated=1, figures=begun.figures)
        row = self._write_tick(begun.offset, counted)
        self.state = replace(self.state, begun=None)
        return row.cycle if row.ended else None

    async def confirm(self, sequence: int) -> None:
        await self._wire.request("statement")
        shard = self.state.shard
        self._tables.outbox = {
            key: payload for key, payload in self._tables.outbox.items() if key[0] != shard or key[1] > sequence
        }
        self.state = replace(self.state, confirmed=max(sequence, self.state.confirmed))

    async def commit(self) -> list[OutboxEntry]:
        await self._wire.request("commit")
        self._tables.write_shard(self.state)
        self.committed = True
        self._publish(self._tables)
        await self._wire.answer("commit")
        return self._entries

    def _still_active(self, row: UserRow, at: datetime, policy: Policy) -> bool:
        """Whether nothing is to be decided about a due user, who then wakes when the last activity says."""
        wake_at = wake_when_active(row.stored.user.last_active, policy)
        if row.stored.outcome is not Outcome.ACTIVE or wake_at <= at:
            return False
        self._write_user(replace(row, stored=replace(row.stored, wake_at=wake_at)))
        return True

    def _own_users(self) -> list[UserRow]:
        """The shard's users by wake time."""
        own = [row for row in self._tables.users.values() if row.shard == self.state.shard]
        return sorted(own, key=lambda row: (row.stored.wake_at, row.stored.user.user_id))

    def _moved(self, stored: StoredUser) -> StoredUser:
        """A user as it arrives from another shard."""
        return replace(stored, wake_at=EARLIEST)

    def _leave_correction(self, move: Move) -> None:
        self._tables.moves += (move,)

    def _coalesced(self, row: TickRow) -> TickRow:
        return row.counted(coalesced=1, figures=Figures())

    def _count(self, outcome: Outcome, change: int) -> None:
        counters = {name: getattr(self.state, name) for name in ("active", "recently_messaged")}
        counters[outcome] += change
        self.state = replace(self.state, **counters)

    def _write_user(self, row: UserRow) -> None:
        check_user(row)
        self._tables.users[row.stored.user.user_id] = row

    def _write_tick(self, offset: int, row: TickRow) -> TickRow:
        self._tables.ticks[offset] = row
        return row

    def _is_new(self, judged: JudgedTick) -> bool:
        """Whether no usable tick has the time of this one, if this one is usable."""
        usable = [row.tick for row in self._tables.ticks.values() if row.verdict is Verdict.USABLE]
        times = {tick.at for tick in usable if tick is not None}
        return judged.verdict is not Verdict.USABLE or judged.tick is None or judged.tick.at not in times
