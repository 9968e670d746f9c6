"""Producers and their markers in memory: what was committed, in order, and who may commit."""

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from domain.errors import OwnershipLostError
from domain.records import OutgoingRecord
from tests.fakes.wire import Wire

CommitListener = Callable[[int, Sequence[OutgoingRecord]], None]


def nobody(_shard: int, _records: Sequence[OutgoingRecord]) -> None:
    """Nobody listens."""


@dataclass
class FakeShardLog:
    """What Kafka holds of one shard."""

    epoch: int = 0
    committed: list[OutgoingRecord] = field(default_factory=list)
    progress: list[int | None] = field(default_factory=list)
    """The shard's progress partition: markers, and None for probes."""


class FakeShardProducer:
    """Implements ``ShardProducer`` on a log in memory."""

    def __init__(self, shard: int, log: FakeShardLog, wire: Wire, on_commit: CommitListener) -> None:
        log.epoch += 1
        self._shard = shard
        self._log = log
        self._wire = wire
        self._on_commit = on_commit
        self._epoch = log.epoch
        self._open: tuple[list[OutgoingRecord], list[int | None]] | None = None
        self._closed = False

    @property
    def usable(self) -> bool:
        return not self._closed and self._open is None

    async def begin(self) -> None:
        async with self._call("begin transaction", opened=False):
            self._open = ([], [])

    async def send(self, sequence: int, records: Sequence[OutgoingRecord]) -> None:
        async with self._call("send", opened=True) as (sent, progress):
            sent.extend(records)
            progress.append(sequence)

    async def send_probe(self) -> int:
        async with self._call("send probe", opened=True) as (_, progress):
            progress.append(None)
            return len(self._log.progress) + len(progress) - 1

    async def commit(self) -> None:
        async with self._call("commit transaction", opened=True) as (sent, progress):
            self._log.committed.extend(sent)
            self._log.progress.extend(progress)
            self._open = None
            self._on_commit(self._shard, sent)

    async def close(self) -> None:
        self._closed = True

    @contextlib.asynccontextmanager
    async def _call(self, call: str, *, opened: bool) -> AsyncIterator[tuple[list[OutgoingRecord], list[int | None]]]:
        """What happens on the other side; whatever is raised makes the producer useless."""
        try:
            await self._wire.request(call)
            yield self._check(opened=opened)
            await self._wire.answer(call)
        except BaseException:
            self._closed = True
            raise

    def _check(self, *, opened: bool) -> tuple[list[OutgoingRecord], list[int | None]]:
        if self._epoch != self._log.epoch:
            raise OwnershipLostError("a later producer of the shard was started")
        if opened != (self._open is not None):
            raise ValueError("begin, then one send, then commit")
        return self._open or ([], [])


class FakeProducers:
    """Implements ``Producers``; ``logs`` is what Kafka would hold, by shard.

    ``on_commit`` hears of each committed transaction: the shard, and its records besides the markers.
    """

    def __init__(self, wire: Wire | None = None, on_commit: CommitListener = nobody) -> None:
        self.logs: dict[int, FakeShardLog] = {}
        self._wire = wire or Wire()
        self._on_commit = on_commit

    async def start(self, shard: int) -> FakeShardProducer:
        await self._wire.request("start producer")
        producer = FakeShardProducer(shard, self.logs.setdefault(shard, FakeShardLog()), self._wire, self._on_commit)
        await self._wire.answer("start producer")
        return producer

    async def marker(self, shard: int, probe: int) -> int:
        await self._wire.request("marker")
        markers = [marker for marker in self.logs[shard].progress[:probe] if marker is not None]
        return markers[-1] if markers else 0
