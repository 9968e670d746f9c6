"""Kafka records as the engine sees them: what was read, and what is to be published."""

from dataclasses import dataclass
from typing import TypeAlias

from domain.values import value

Headers: TypeAlias = tuple[tuple[str, bytes | None], ...]


@value
class InputRecord:
    """One record as it lies in a topic. ``timestamp_ms`` is Kafka's, in milliseconds since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Records of one partition, read from ``position`` on; ``next_position`` is where reading goes on.

    ``next_position`` can lie beyond the last record, and move without any: transaction markers hold offsets too.
    """

    partition: int
    position: int
    next_position: int
    records: tuple[InputRecord, ...]


@value
class OutgoingRecord:
    """One record to publish, ready to send.

    Without ``partition`` it goes where Kafka's default partitioner puts its key. Without ``timestamp_ms`` it carries
    the time of sending.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp_ms: int | None = None
    partition: int | None = None
