"""Records to publish, packed into the payload of one outbox entry."""

from collections.abc import Sequence

import msgspec

from domain.errors import MisconfiguredError
from domain.records import Headers, OutgoingRecord

# The first byte of a payload. Payloads outlive the process that wrote them: whoever changes the layout takes the next
# number and goes on reading this one.
_LAYOUT = b"\x01"

_Row = tuple[str, bytes | None, bytes | None, Headers, int | None, int | None]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[_Row]).decode


def pack_records(records: Sequence[OutgoingRecord]) -> bytes:
    """The records as bytes, in their order."""
    rows: list[_Row] = [
        (record.topic, record.key, record.value, record.headers, record.timestamp_ms, record.partition)
        for record in records
    ]
    return _LAYOUT + _encode(rows)


def unpack_records(payload: bytes) -> list[OutgoingRecord]:
    """The records that were packed. Raises MisconfiguredError for a payload of a later version."""
    if payload[:1] != _LAYOUT:
        raise MisconfiguredError(
            "the outbox holds an entry in a layout that this version can't read: run the version that wrote it"
        )
    return [OutgoingRecord(*row) for row in _decode(memoryview(payload)[1:])]
