"""Input that can't be used, on its way to the dead-letter topic through the outbox."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from adapters.codec import dead_letter
from consumer.entries import in_runs
from domain.errors import RejectedRecordError
from domain.ports import ShardTransaction
from domain.records import InputRecord, OutgoingRecord

T = TypeVar("T")

# Decoding lets other tasks (heartbeats among them) run in between: a good record takes about 4 µs, the worst hostile
# one of 64 KiB about 22 ms, so that even a hundred of these hold the loop for no longer than 2.2 s.
RECORDS_AT_ONCE = 100
BYTES_AT_ONCE = RECORDS_AT_ONCE * 65_536


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Where dead letters go, and that topic's ``max.message.bytes``."""

    topic: str
    max_message_bytes: int

    async def sort_out(
        self, records: Sequence[InputRecord], decode: Callable[[InputRecord], T]
    ) -> tuple[list[T | None], list[OutgoingRecord]]:
        """What each record says, None where ``decode`` rejects it; and those as dead letters."""
        decoded: list[T | None] = []
        dead: list[OutgoingRecord] = []
        size = 0
        for number, record in enumerate(records):
            if number % RECORDS_AT_ONCE == 0 or size >= BYTES_AT_ONCE:
                await asyncio.sleep(0)
                size = 0
            size += len(record.value or b"")
            try:
                decoded.append(decode(record))
            except RejectedRecordError as rejection:
                decoded.append(None)
                dead.append(dead_letter(record, rejection, self.topic, self.max_message_bytes))
        return decoded, dead


async def add_letters(write: ShardTransaction, letters: Sequence[OutgoingRecord]) -> None:
    """Put dead letters into the outbox, as many entries as their size needs."""
    for _, run in in_runs((None, letter) for letter in letters):
        await write.add_entry(run)
