"""Reads the records that nearly all are, an ordinary `user.active`, in a fifth of the time.

It says what such a record says, or nothing: whatever could be read in two ways is left to `decoding.py`, which alone
rejects. So this may leave anything, and must accept nothing that `decoding.py` would read otherwise.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter

import msgspec

from adapters.codec.decoding import USER_ACTIVE, Limits
from domain.records import RawRecord
from domain.times import EARLIEST

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?Z").fullmatch
_LONGEST_LABEL = 128
_MILLISECOND = 0.001


class _Event(msgspec.Struct, gc=False):
    type: str
    user_id: str
    occurred_at: str


_read = msgspec.json.Decoder(_Event).decode


def read_ordinary(
    records: Sequence[RawRecord], limits: Limits, left: list[RawRecord]
) -> Iterator[tuple[str, datetime]]:
    """Who was active when, of each ordinary record; those that need a closer look are appended to ``left``."""
    max_future_seconds = limits.max_future_skew.total_seconds()
    surely_past = _surely_past(records, limits.max_future_skew)
    for record in records:
        value = record.value
        # Of the strings that nobody asks for, msgspec does not look whether they are UTF-8. In all else it is as strict
        # as `json_objects.py`.
        if value is None or len(value) > limits.max_record_bytes or not value.isascii():
            left.append(record)
            continue
        try:
            event = _read(value)
            at = datetime.fromisoformat(event.occurred_at)
        except (msgspec.DecodeError, ValueError, RecursionError):
            left.append(record)
            continue
        user_id, written = event.user_id, event.occurred_at
        if (
            event.type == USER_ACTIVE
            # What is printable has no control characters.
            and user_id.isprintable()
            and 0 < len(user_id) <= _LONGEST_LABEL
            and record.key == user_id.encode()
            # Of what fromisoformat takes, the usual forms; those with a fraction without a regular expression.
            and ((written[4:20:3] == "--T::." and written[-1] == "Z" and 22 <= len(written) <= 27) or _TIME(written))
            # A millisecond of distance is more than what is lost to rounding until the year 9999.
            and (at <= surely_past or at.timestamp() <= record.timestamp / 1_000 + max_future_seconds - _MILLISECOND)
        ):
            yield user_id, at
        else:
            left.append(record)


def _surely_past(records: Sequence[RawRecord], max_future_skew: timedelta) -> datetime:
    """A moment that is not too far in the future of any of the records, so that most need no look at their own."""
    oldest = min(map(attrgetter("timestamp"), records), default=0)
    try:
        return _EPOCH + timedelta(milliseconds=oldest) + max_future_skew
    except OverflowError:
        return EARLIEST
