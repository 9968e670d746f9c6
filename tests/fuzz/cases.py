"""A case: one record for the codec, as bytes that a fuzzer can change.

The first byte chooses what the record is for, the second its key, Kafka timestamp and limits; the rest is its value, or
the headers of a dead letter. Any bytes are a case.
"""

import json
import re
from dataclasses import dataclass
from typing import Literal

from domain.records import Headers, InputRecord
from tests.bad_input.kinds import Draft

Target = Literal["activity", "ticks", "http", "dead letter"]
TARGETS: tuple[Target, ...] = ("activity", "ticks", "http", "dead letter")
MAX_RECORD_BYTES = 65_536
"""The default of the setting."""

NOW_MS = 1_795_341_600_000  # 2026-11-22T10:00:00Z
_TIMESTAMPS = (NOW_MS, 0, -1, 2**63 - 1)
_USER_ID = re.compile(rb'"user_id"\s*:\s*("(?:[^"\\\x00-\x1f]|\\.)*")')
_BETWEEN_HEADERS, _BETWEEN_NAME_AND_VALUE = b"\x1e", b"\x1f"
# What the dead-letter topic may take: little more than the engine's own headers, some, Kafka's default.
_MOST_BYTES = (1_000, 5_000, 1_048_588)


@dataclass(frozen=True, slots=True)
class Case:
    """What the bytes stand for. ``most_bytes``: what the topic of its dead letter takes."""

    target: Target
    record: InputRecord
    most_bytes: int


def read_case(case: bytes) -> Case:
    """The case that any bytes are."""
    target = TARGETS[case[0] % len(TARGETS)] if case else "activity"
    flags, rest = (case[1] if len(case) > 1 else 0), case[2:]
    headers: Headers = ()
    value: bytes | None = None if flags & 0x80 else rest
    if target == "dead letter":
        headers, value = _headers(rest), rest[:100]
    key = (_own_key(rest), None, b"\xff\xfe\x00 key", b"12")[flags & 3]
    record = InputRecord("user-activity", 3, 41, _TIMESTAMPS[flags >> 2 & 3], key, value, headers)
    return Case(target, record, _MOST_BYTES[(flags >> 4 & 3) % len(_MOST_BYTES)])


def case_of(draft: Draft) -> bytes:
    """A case with the value of the draft, and a key that fits it, unless that of the draft doesn't."""
    flags = 0x80 if draft.value is None else 0x20
    if draft.topic == "activity" and draft.key != _own_key(draft.value or b""):
        flags |= 1 if draft.key is None else 2
    return bytes([TARGETS.index(draft.topic), flags]) + (draft.value or b"")


def _own_key(value: bytes) -> bytes:
    """The key that activity with this value must have, so that most changes leave it right."""
    found = _USER_ID.findall(value)
    try:
        return str(json.loads(found[-1])).encode() if found else b""
    except ValueError:
        return b""


def _headers(rest: bytes) -> Headers:
    pairs = [part.partition(_BETWEEN_NAME_AND_VALUE) for part in rest.split(_BETWEEN_HEADERS)]
    return tuple((name.decode("utf-8", "replace"), value if found else None) for name, found, value in pairs)


def headers_as_bytes(headers: Headers) -> bytes:
    """What ``read_case`` reads these headers from."""
    return _BETWEEN_HEADERS.join(
        name.encode() + (b"" if value is None else _BETWEEN_NAME_AND_VALUE + value) for name, value in headers
    )
