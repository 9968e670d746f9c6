"""The engine's judgement of a payload, apart from the record's key, time and size."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from adapters.codec import Limits
from consumer.http.cycle_requests import tick_of
from domain.errors import RejectedRecordError
from domain.events import Tick
from domain.records import InputRecord
from domain.times import LATEST

_LIMITS = Limits(max_future_skew=timedelta(0), max_record_bytes=10**7)
_END_OF_TIME_MS = 2**63 - 1  # nothing is later, so no time is refused as one of the future

Decode = Callable[[InputRecord, Limits], object]


def take(decode: Decode, payload: Any) -> None:
    """Decode the payload in a record with a fitting key. Raises RejectedRecordError."""
    user_id = payload.get("user_id") if isinstance(payload, dict) else None
    key = user_id.encode() if isinstance(user_id, str) else None
    value = json.dumps(payload, allow_nan=False).encode()
    decode(InputRecord("t", 0, 0, _END_OF_TIME_MS, key, value), _LIMITS)


def is_taken(decode: Decode, payload: Any) -> bool:
    """Whether the engine can use the payload."""
    try:
        take(decode, payload)
    except RejectedRecordError:
        return False
    return True


def decode_request(record: InputRecord, limits: Limits) -> Tick:
    """The tick that a request with the record's value as its body asks for at the end of time."""
    return tick_of(record.value or b"", LATEST, limits)
