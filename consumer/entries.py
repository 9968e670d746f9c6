"""How large an entry of the outbox may become."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from domain.records import OutgoingRecord

T = TypeVar("T")

# An entry is held in memory, in Postgres (which takes no more than 1 GB of it) and in one Kafka transaction.
ENTRY_BYTES = 1024 * 1024


def in_runs(items: Iterable[tuple[T, OutgoingRecord]]) -> Iterator[tuple[list[T], list[OutgoingRecord]]]:
    """The records with what belongs to them, in order, in runs that make an entry each.

    A run ends with the record that fills it, so even the largest record has a place.
    """
    belongings: list[T] = []
    records: list[OutgoingRecord] = []
    size = 0
    for belonging, record in items:
        belongings.append(belonging)
        records.append(record)
        size += len(record.value or b"")
        if size >= ENTRY_BYTES:
            yield belongings, records
            belongings, records, size = [], [], 0
    if records:
        yield belongings, records
