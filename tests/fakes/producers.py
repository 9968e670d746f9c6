"""Producers and their markers in memory: what was committed, in order, and who may commit."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from domain.errors import OwnershipLostError
from domain.records import OutgoingRecord


@dataclass
class FakeShardLog:
    """What Kafka holds of one shard."""

    epoch: int = 0
    committed: list[OutgoingRecord] = field(default_factory=list)
    progress: list[int | None] = field(default_factory=list)
    """The shard's progress partition: markers, and None for probes."""


class FakeShardProducer:
    """Implements ``ShardProducer`` on a log in memory."""

    def __init__(self, log: FakeShardLog) -> None:
        log.epoch += 1
        self._log = log
        self._epoch = log.epoch
        self._open: tuple[list[OutgoingRecord], list[int | None]] | None = None
        self._closed = False

    @property
    def usable(self) -> bool:
        return not self._closed and self._open is None

    async def begin(self) -> None:
        self._check(opened=False)
        self._open = ([], [])

    async def send(self, sequence: int, records: Sequence[OutgoingRecord]) -> None:
        sent, progress = self._check(opened=True)
        sent.extend(records)
        progress.append(sequence)

    async def send_probe(self) -> int:
        _, progress = self._check(opened=True)
        progress.append(None)
        return len(self._log.progress) + len(progress) - 1

    async def commit(self) -> None:
        sent, progress = self._check(opened=True)
        self._log.committed.extend(sent)
        self._log.progress.extend(progress)
        self._open = None

    async def close(self) -> None:
        self._closed = True

    def _check(self, *, opened: bool) -> tuple[list[OutgoingRecord], list[int | None]]:
        if self._epoch != self._log.epoch:
            self._closed = True
            raise OwnershipLostError("a later producer of the shard was started")
        if opened != (self._open is not None):
            raise ValueError("begin, then one send, then commit")
        return self._open or ([], [])


class FakeProducers:
    """Implements ``Producers``; ``logs`` is what Kafka would hold, by shard."""

    def __init__(self) -> None:
        self.logs: dict[int, FakeShardLog] = {}

    async def start(self, shard: int) -> FakeShardProducer:
        return FakeShardProducer(self.logs.setdefault(shard, FakeShardLog()))

    async def marker(self, shard: int, probe: int) -> int:
        markers = [marker for marker in self.logs[shard].progress[:probe] if marker is not None]
        return markers[-1] if markers else 0
