"""Rejected records, on their way to where an operator can look at them."""

from domain.errors import RejectedRecordError
from domain.records import Headers, InputRecord, OutgoingRecord

_PREFIX = "engagement.error."
_BYTES_KEPT = 64 * 1024
# What Kafka needs beside key, value and headers, at most: 61 bytes for the batch; for the record its length, the offset
# and the lengths of key, value and headers (5 bytes each), the time (10) and its attributes (1).
_OVERHEAD_BYTES = 61 + 5 * 5 + 10 + 1
# The lengths of its name and of its value.
_OVERHEAD_BYTES_OF_HEADER = 2 * 5


def dead_letter(
    record: InputRecord, rejection: RejectedRecordError, topic: str, max_message_bytes: int
) -> OutgoingRecord:
    """The record as it came in, with headers appended that say why and from where.

    ``max_message_bytes``: what the topic takes. Of a record that is larger with these headers, the value is cut to its
    first 64 KiB, or to what there is room for, which two more headers tell. Where key and headers alone are too much,
    the largest of the record's own headers are left out, and then the end of the key; the detail says so. Headers of
    these names that the record already has stay, before the ones added here.
    """
    facts = {
        "reason": rejection.reason,
        "detail": rejection.detail,
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "timestamp": str(record.timestamp),
    }
    added = _as_headers(facts)
    size = _OVERHEAD_BYTES + _size(record.key) + _size(record.value) + sum(map(_header_size, (*record.headers, *added)))
    if size <= max_message_bytes:
        return OutgoingRecord(topic, record.key, record.value, (*record.headers, *added), record.timestamp)
    return _cut(record, facts, topic, max_message_bytes)


def _cut(record: InputRecord, facts: dict[str, str], topic: str, max_message_bytes: int) -> OutgoingRecord:
    """As much of the record as there is room for: key before headers before value."""
    facts["truncated"] = "true"
    if record.value is not None:
        facts["length"] = str(len(record.value))
    # The longest text that `_left_out` gives: a record has at most 2^31 headers.
    longest = _as_headers(facts | {"detail": facts["detail"] + _left_out(2**31, key_cut=True)})
    room = max(0, max_message_bytes - _OVERHEAD_BYTES - sum(map(_header_size, longest)))
    key = None if record.key is None else record.key[:room]
    room -= _size(key)
    headers = _without_largest(record.headers, room)
    room -= sum(map(_header_size, headers))
    value = None if record.value is None else record.value[: min(room, _BYTES_KEPT)]
    facts["detail"] += _left_out(len(record.headers) - len(headers), key_cut=key != record.key)
    return OutgoingRecord(topic, key, value, (*headers, *_as_headers(facts)), record.timestamp)


def _without_largest(headers: Headers, room: int) -> Headers:
    """The headers in their order, without as many of the largest as it takes to fit into so many bytes."""
    excess = sum(map(_header_size, headers)) - room
    left_out = set()
    # Sorted once: a hostile record can have a hundred thousand of them.
    for number in sorted(range(len(headers)), key=lambda number: _header_size(headers[number]), reverse=True):
        if excess <= 0:
            break
        left_out.add(number)
        excess -= _header_size(headers[number])
    return tuple(header for number, header in enumerate(headers) if number not in left_out)


def _left_out(headers: int, *, key_cut: bool) -> str:
    parts = [f"{headers} headers"] if headers else []
    parts += ["the end of the key"] if key_cut else []
    return f" (left out, to fit the topic: {' and '.join(parts)})" if parts else ""


def _as_headers(facts: dict[str, str]) -> Headers:
    return tuple((_PREFIX + name, text.encode()) for name, text in facts.items())


def _header_size(header: tuple[str, bytes | None]) -> int:
    name, value = header
    return _OVERHEAD_BYTES_OF_HEADER + len(name.encode()) + _size(value)


def _size(part: bytes | None) -> int:
    return 0 if part is None else len(part)
