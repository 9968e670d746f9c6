"""Input that can't be used, on its way to the dead-letter topic through the outbox."""

from dataclasses import dataclass

from adapters.codec import dead_letter
from domain.errors import RejectedRecordError
from domain.records import InputRecord, OutgoingRecord


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Where dead letters go, and the largest value that the topic takes, in bytes."""

    topic: str
    max_value_bytes: int

    def of(self, record: InputRecord, rejection: RejectedRecordError) -> OutgoingRecord:
        """The record as a dead letter."""
        return dead_letter(record, rejection, self.topic, self.max_value_bytes)
