"""Reads the record that nearly all are, an ordinary `user.active`, in a third of the time.

It says what such a record says, or nothing: whatever could be read in two ways is left to `decoding.py`, which alone
rejects. So this may refuse anything, and must accept nothing that `decoding.py` would read otherwise.
"""

import re
from datetime import datetime

import msgspec

from domain.events import Activity
from domain.records import InputRecord

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?Z").fullmatch
_LONGEST_LABEL = 128
_MILLISECOND = 0.001


class _Event(msgspec.Struct, gc=False):
    type: str
    user_id: str
    occurred_at: str


_read = msgspec.json.Decoder(_Event).decode


def read_ordinary(record: InputRecord, max_future_seconds: float) -> Activity | None:
    """The activity; None for a record that needs a closer look. Its size has been judged."""
    value = record.value
    # Of the strings that nobody asks for, msgspec does not look whether they are UTF-8. In all else it is as strict as
    # `json_objects.py`.
    if value is None or not value.isascii():
        return None
    try:
        event = _read(value)
    except (msgspec.DecodeError, RecursionError):
        return None
    user_id, written = event.user_id, event.occurred_at
    # What is printable has no control characters.
    label = user_id.isprintable() and 0 < len(user_id) <= _LONGEST_LABEL and record.key == user_id.encode()
    if event.type != "user.active" or not label or not _TIME(written):
        return None
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        return None
    # A millisecond of distance is more than what is lost to rounding until the year 9999.
    if at.timestamp() > record.timestamp_ms / 1_000 + max_future_seconds - _MILLISECOND:
        return None
    return Activity(user_id, at)
