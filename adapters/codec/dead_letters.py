"""Rejected records, on their way to where an operator can look at them."""

from domain.errors import RejectedRecordError
from domain.records import InputRecord, OutgoingRecord

_PREFIX = "engagement.error."
_BYTES_KEPT = 64 * 1024


def dead_letter(
    record: InputRecord, rejection: RejectedRecordError, topic: str, max_value_bytes: int
) -> OutgoingRecord:
    """The record as it came in, with headers appended that say why and from where.

    A value longer than ``max_value_bytes`` (what the topic takes) is cut to its first 64 KiB, which two more headers
    tell. Headers of these names that the record already has stay, before the ones added here.
    """
    value = record.value
    facts = {
        "reason": rejection.reason,
        "detail": rejection.detail,
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "timestamp": str(record.timestamp_ms),
    }
    if value is not None and len(value) > max_value_bytes:
        facts |= {"truncated": "true", "length": str(len(value))}
        value = value[:_BYTES_KEPT]
    added = tuple((_PREFIX + name, text.encode()) for name, text in facts.items())
    return OutgoingRecord(topic, record.key, value, (*record.headers, *added), record.timestamp_ms)
