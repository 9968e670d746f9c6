"""A store in memory: transactions run one after the other, and what isn't committed is forgotten."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import replace

from domain.errors import OwnershipLostError, ShardHaltedError, ShardUnknownError
from domain.ownership import OutboxEntry, Ownership, ShardProgress, ShardState
from domain.ticks import UsableTick, Verdict
from tests.fakes.tables import Tables
from tests.fakes.transaction import FakeShardTransaction
from tests.fakes.wire import Wire

CommitListener = Callable[[int, Tables, Tables], None]


def nobody(_shard: int, _before: Tables, _after: Tables) -> None:
    """Nobody listens."""


class FakeStore:
    """Implements ``Store``.

    ``tables`` is what is committed. ``on_commit`` hears of each transaction of a shard: its number, the tables before
    and after. ``crash`` forgets commits that were not durable, as Postgres may.
    """

    transaction_type: type[FakeShardTransaction] = FakeShardTransaction

    def __init__(self, wire: Wire | None = None, on_commit: CommitListener = nobody) -> None:
        self.tables = Tables()
        self._wire = wire or Wire()
        self._on_commit = on_commit
        self._free = asyncio.Lock()
        # Committed, but not yet durably: the tables before each such commit, oldest first.
        self._losable: list[Tables] = []

    @property
    def losable(self) -> int:
        """How many of the last commits a crash may lose."""
        return len(self._losable)

    def crash(self, lost: int) -> None:
        """Stop and start again, without the last ``lost`` commits. No transaction may be open."""
        if lost:
            self.tables = self._losable[-lost]
        self._losable.clear()

    async def grow(self, shards: int) -> None:
        async with self._call("grow") as tables:
            for number in range(len(tables.shards), shards):
                tables.write_shard(ShardState(number, 0, -1, tables.tick_next, 0, 0, 0, 0, 0, None, None))
            self._commit(tables, durable=True)

    async def take_over(self, shard: int) -> ShardState:
        async with self._call("take over") as tables:
            if shard not in tables.shards:
                raise ShardUnknownError(f"shard {shard} has no row yet")
            if shard in tables.halted:
                raise ShardHaltedError(shard, tables.halted[shard])
            state = replace(tables.shards[shard], epoch=tables.shards[shard].epoch + 1)
            tables.write_shard(state)
            self._commit(tables, durable=True)
        return state

    async def outbox(self, ownership: Ownership) -> list[OutboxEntry]:
        async with self._call("outbox") as tables:
            self._check_epoch(tables, ownership)
            found = sorted(key for key in tables.outbox if key[0] == ownership.shard)
            return [OutboxEntry(sequence, tables.outbox[shard, sequence]) for shard, sequence in found]

    async def check(self, ownership: Ownership) -> None:
        async with self._call("check") as tables:
            self._check_epoch(tables, ownership)

    async def halt(self, ownership: Ownership, reason: str) -> None:
        async with self._call("halt") as tables:
            self._check_owner(tables, ownership)
            tables.halted[ownership.shard] = reason
            tables.write_shard(tables.shards[ownership.shard])
            self._commit(tables, durable=True)

    @contextlib.asynccontextmanager
    async def transaction(
        self, ownership: Ownership, *, position: int | None = None, durable: bool = True
    ) -> AsyncIterator[FakeShardTransaction]:
        await self._wire.request("begin")
        await self._free.acquire()
        transaction: FakeShardTransaction | None = None
        try:
            tables, before = self.tables.copy(), self.tables
            state = self._fenced(tables, ownership, position)

            def publish(after: Tables) -> None:
                self._commit(after, durable=durable)
                self._free.release()
                self._on_commit(ownership.shard, before, after)

            transaction = self.transaction_type(tables, state, publish, self._wire)
            yield transaction
        finally:
            if transaction is None or not transaction.committed:
                self._free.release()

    async def usable_ticks(self, cursor: int, end: int) -> list[UsableTick]:
        async with self._call("usable ticks") as tables:
            rows = sorted(tables.ticks.items())
        return [
            UsableTick(offset, row.tick)
            for offset, row in rows
            if cursor <= offset < end and row.verdict is Verdict.USABLE and row.tick is not None
        ]

    async def tick_next(self) -> int:
        async with self._call("tick next") as tables:
            return tables.tick_next

    async def progress(self, shards: Collection[int]) -> list[ShardProgress]:
        async with self._call("progress") as tables:
            return [self._progress(tables, tables.shards[shard]) for shard in sorted(shards) if shard in tables.shards]

    def _progress(self, tables: Tables, state: ShardState) -> ShardProgress:
        waiting = [offset for offset, row in tables.ticks.items() if row.verdict is Verdict.USABLE]
        return ShardProgress(
            shard=state.shard,
            epoch=state.epoch,
            position=state.position,
            tick_cursor=state.tick_cursor,
            decided=state.decided,
            confirmed=state.confirmed,
            written=str(tables.writes[state.shard]),
            halted=state.shard in tables.halted,
            unfinished=state.begun is not None or state.confirmed < state.decided,
            tick_waits=any(offset >= state.tick_cursor for offset in waiting),
        )

    @contextlib.asynccontextmanager
    async def _call(self, call: str) -> AsyncIterator[Tables]:
        """One statement by itself, on a copy of the tables."""
        await self._wire.request(call)
        async with self._free:
            yield self.tables.copy()
        await self._wire.answer(call)

    def _commit(self, tables: Tables, *, durable: bool) -> None:
        # A durable commit makes all those before it durable: the log of Postgres is written in order.
        if durable:
            self._losable.clear()
        else:
            self._losable.append(self.tables)
        self.tables = tables

    def _fenced(self, tables: Tables, ownership: Ownership, position: int | None) -> ShardState:
        self._check_owner(tables, ownership)
        state = tables.shards[ownership.shard]
        if position is not None and state.position != position:
            raise OwnershipLostError(f"shard {ownership.shard} is stored at {state.position}, not at {position}")
        return state

    def _check_owner(self, tables: Tables, ownership: Ownership) -> None:
        self._check_epoch(tables, ownership)
        if ownership.shard in tables.halted:
            raise OwnershipLostError(f"shard {ownership.shard} is not ours any more: it is halted")

    def _check_epoch(self, tables: Tables, ownership: Ownership) -> None:
        state = tables.shards.get(ownership.shard)
        if state is None or state.epoch != ownership.epoch:
            raise ownership.over()
