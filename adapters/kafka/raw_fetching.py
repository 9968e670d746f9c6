"""Records as aiokafka's parser gives them, which is written in C, without the loop in Python behind it.

For each record aiokafka makes an object of its own with eleven fields, one by one through two generators. That costs
1.0 µs where the parser takes 0.1 (measured), and is more than all that the engine does with most records. So the
buffers of one consumer are swapped for some that hand records out as they were parsed, many at a time. What aiokafka
does for each batch of Kafka's (checksums, aborted transactions, control batches) stays with it.
"""
# ruff: noqa: SLF001

import weakref
from collections import OrderedDict
from collections.abc import Iterator
from functools import partial
from itertools import chain, islice
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords


def fetch_raw(consumer: AIOKafkaConsumer) -> None:
    """Let ``getmany`` of a started consumer give raw records, at most ``max_records`` of them in all."""
    consumer._fetcher._records = _Buffers(consumer._fetcher._records)


class _Buffers(OrderedDict[TopicPartition, Any]):
    """What was fetched and not handed out yet, by partition: buffers, and errors."""

    def __setitem__(self, tp: TopicPartition, fetched: Any) -> None:
        if type(fetched) is FetchResult:
            records = fetched._partition_records
            records.__class__ = _Parts
            records.room = _Room()
            records._records = _Batches(records._records, records.room)
            # aiokafka looks whether it is of this very class. Weak, since a cycle would keep megabytes for a while.
            fetched.getall = partial(_take, weakref.ref(fetched))
        super().__setitem__(tp, fetched)


def _take(known: "weakref.ref[FetchResult]", max_records: int) -> list[Any]:
    """Up to so many raw records of what was fetched of a partition; its position moves behind them."""
    fetched = known()
    if fetched is None or not fetched.check_assignment(fetched._topic_partition) or not fetched.has_more():
        return []
    parts = fetched._partition_records
    found: list[Any] = []
    while (room := max_records - len(found)) > 0:
        parts.room.records = room
        part = next(parts, None)
        if part is None:
            fetched._update_position()
            fetched._partition_records = None
            return found
        found += part
    fetched._update_position()
    return found


class _Room:
    """How many records the next part may have at most."""

    records = 0


class _Part(list[Any]):
    """Records of one of Kafka's batches, with the offset of the last of them."""

    @property
    def offset(self) -> int:
        return int(self[-1].offset)


class _Parts(PartitionRecords):  # type: ignore[misc]  # aiokafka has no types
    """Iterates over parts where aiokafka iterates over records."""

    room: _Room

    def _consumer_record(self, _tp: TopicPartition, part: _Part) -> _Part:
        # The first batch can begin before the position.
        if part[0].offset < self.next_fetch_offset:
            return _Part(record for record in part if record.offset >= self.next_fetch_offset)
        return part


class _Batches:
    """Kafka's batches, each of which gives parts instead of records."""

    def __init__(self, batches: Any, room: _Room) -> None:
        self._batches = batches
        self._room = room
        self.has_next = batches.has_next

    def next_batch(self) -> "_Batch":
        return _Batch(self._batches.next_batch(), self._room)


class _Batch:
    def __init__(self, batch: Any, room: _Room) -> None:
        self._batch = batch
        self._room = room

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[_Part]:
        # The parser's iterator must be begun once, and not be asked again once it has ended.
        records = chain(self._batch)
        while part := _Part(islice(records, self._room.records)):
            yield part
