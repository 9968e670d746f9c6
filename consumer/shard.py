"""One ownership of one shard: its state as last committed, and its transactions, one at a time."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable

from consumer import metrics
from consumer.kept_records import KeptRecords
from domain.errors import OwnershipLostError
from domain.ownership import OutboxEntry, Ownership, ShardState
from domain.ports import ShardTransaction, Store

# Decided and not yet confirmed entries: enough that publishing never waits for the next chunk, few enough to bound
# memory and what a successor has to publish.
ENTRIES_AHEAD = 4


class OwnedShard:
    """What ingest, evaluation and publishing of one ownership share. Nothing in it matters after a crash."""

    def __init__(
        self, store: Store, state: ShardState, unpublished: list[OutboxEntry], records: KeptRecords | None = None
    ) -> None:
        self.state = state
        self.stopping = False
        self._store = store
        self._unpublished = deque(unpublished)
        self._records = records or KeptRecords()
        self._writing = asyncio.Lock()
        self._changed = asyncio.Condition()

    @property
    def number(self) -> int:
        """The shard's number."""
        return self.state.shard

    @property
    def ownership(self) -> Ownership:
        """What the fence checks."""
        return self.state.ownership

    @property
    def has_room(self) -> bool:
        """Whether another entry may be decided now."""
        return len(self._unpublished) < ENTRIES_AHEAD

    @property
    def first_unpublished(self) -> OutboxEntry | None:
        """The entry to publish next."""
        return self._unpublished[0] if self._unpublished else None

    @property
    def unpublished_sequences(self) -> list[int]:
        """The sequences of the entries that are not confirmed."""
        return [entry.sequence for entry in self._unpublished]

    @contextlib.asynccontextmanager
    async def transaction(
        self, *, position: int | None = None, durable: bool = True
    ) -> AsyncIterator[ShardTransaction]:
        """A transaction of this shard; they wait for one another, so entries are noted in the order of their sequence.

        Nobody else writes the row, so it must be as the last of them left it: whichever comes first after an
        asynchronous commit was lost, or the answer to a commit was, must notice. Raises as ``Store.transaction`` does.
        """
        async with self._writing:
            believed = self.state.position if position is None else position
            with metrics.timed_transaction(metrics.postgres_transaction_duration) as done:
                async with self._store.transaction(self.ownership, position=believed, durable=durable) as write:
                    if write.state != self.state:
                        raise OwnershipLostError(f"shard {self.number} is stored otherwise than it was left")
                    yield write
                done()

    async def commit(self, write: ShardTransaction) -> None:
        """Commit, remember the state, and tell whoever waits for a change."""
        entries = await write.commit()
        self.state = write.state
        self._unpublished.extend(self._records.kept(entry) for entry in entries)
        while self._unpublished and self._unpublished[0].sequence <= self.state.confirmed:
            self._unpublished.popleft()
        await self.notify()

    def take_first(self) -> OutboxEntry | None:
        """The entry to publish next; its records are the caller's alone from now on."""
        entry = self.first_unpublished
        if entry is not None:
            self._unpublished[0] = OutboxEntry(entry.sequence, entry.payload)
        return entry

    async def stop(self) -> None:
        """Ask those who work for this ownership to end after what they are doing."""
        self.stopping = True
        await self.notify()

    async def notify(self) -> None:
        """Something changed that somebody may wait for."""
        async with self._changed:
            self._changed.notify_all()

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds; it is looked at after each notification."""
        async with self._changed:
            await self._changed.wait_for(condition)
