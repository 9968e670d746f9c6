"""Kafka records as the engine sees them: what was read, and what is to be published."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeAlias

from domain.values import value

Header: TypeAlias = tuple[str, bytes | None]
Headers: TypeAlias = tuple[Header, ...]


class RawRecord(Protocol):
    """One record as a Kafka client holds it, at no cost but that of reading it."""

    @property
    def offset(self) -> int:
        """Its place in its partition."""

    @property
    def timestamp(self) -> int:
        """Kafka's, in milliseconds since 1970."""

    @property
    def key(self) -> bytes | None:
        """Whom it is about."""

    @property
    def value(self) -> bytes | None:
        """What it says."""

    @property
    def headers(self) -> Sequence[Header]:
        """What else was sent with it."""


@value
class InputRecord:
    """One record as it lies in a topic. ``timestamp`` is Kafka's, in milliseconds since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()

    @classmethod
    def of(cls, topic: str, partition: int, raw: RawRecord) -> Self:
        """The record of a client, with its place and without the client's bookkeeping."""
        headers = tuple(raw.headers) if raw.headers else ()
        # By position: names cost half as much again.
        return cls(topic, partition, raw.offset, raw.timestamp, raw.key, raw.value, headers)


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Records of one partition, read from ``position`` on; ``next_position`` is where reading goes on.

    ``next_position`` can lie beyond the last record, and move without any: transaction markers hold offsets too.
    """

    topic: str
    partition: int
    position: int
    next_position: int
    records: Sequence[RawRecord]

    def input_record(self, raw: RawRecord) -> InputRecord:
        """One of the records with all that it needs to stand alone."""
        return InputRecord.of(self.topic, self.partition, raw)


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
