"""The two input topics, record by record."""

from domain.records import InputRecord, OutgoingRecord, RecordBatch
from tests.fakes.activity_log import FakeActivityLog
from tests.fakes.wire import Wire


class Partition:
    """One partition's log. None stands for an offset that a transaction's marker holds."""

    def __init__(self, topic: str, number: int) -> None:
        self.topic = topic
        self.number = number
        self.entries: list[InputRecord | None] = []

    @property
    def end(self) -> int:
        return len(self.entries)

    def append(self, record: OutgoingRecord, timestamp_ms: int) -> InputRecord:
        stored = InputRecord(self.topic, self.number, self.end, timestamp_ms, record.key, record.value, record.headers)
        self.entries.append(stored)
        return stored

    def append_marker(self) -> None:
        self.entries.append(None)

    def records(self, start: int, end: int) -> tuple[InputRecord, ...]:
        return tuple(record for record in self.entries[start:end] if record is not None)

    def batch(self, position: int, most: int) -> RecordBatch:
        """What one fetch gives."""
        next_position = max(position, min(position + most, self.end))
        return RecordBatch(self.topic, self.number, position, next_position, self.records(position, next_position))


class ActivityTopic:
    """The activity topic; ``log`` is what the engine asks for its extent."""

    def __init__(self, name: str, partitions: int, wire: Wire) -> None:
        self.name = name
        self.partitions = [Partition(name, number) for number in range(partitions)]
        self.log = FakeActivityLog(partitions, wire)

    def append(self, number: int, record: OutgoingRecord, timestamp_ms: int) -> InputRecord:
        stored = self.partitions[number].append(record, timestamp_ms)
        self._note_end(number)
        return stored

    def append_marker(self, number: int) -> None:
        self.partitions[number].append_marker()
        self._note_end(number)

    def add_partition(self) -> None:
        self.partitions.append(Partition(self.name, len(self.partitions)))
        self._note_end(len(self.partitions) - 1)

    def _note_end(self, number: int) -> None:
        self.log.ends[number] = self.partitions[number].end


class TickTopic:
    """The tick topic, and ``TickStream`` on it. ``first`` is the oldest offset that can still be read."""

    def __init__(self, name: str, wire: Wire) -> None:
        self.partition = Partition(name, 0)
        self.first = 0
        self._wire = wire

    async def poll(self, position: int, timeout_seconds: float) -> RecordBatch:
        await self._wire.request("poll ticks")
        if position < self.first:
            return RecordBatch(self.partition.topic, 0, position, position, ())
        return self.partition.batch(position, 3)

    async def beginning(self) -> int:
        await self._wire.request("beginning of ticks")
        return self.first

    async def end(self) -> int:
        await self._wire.request("end of ticks")
        return self.partition.end
