"""Intervals of a command line such as 60s or 1d, and the moments at their multiples."""

import re
from datetime import UTC, datetime, timedelta

from domain.times import LATEST
from domain.users import MICROSECOND

_UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_INTERVAL = re.compile(r"([0-9]{1,9})([smhd])")
_LONGEST = timedelta(days=366)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

INTERVAL_RULE = "must be a whole number with a unit, s, m, h or d, such as 60s or 1d, from 1s to 366d"


def parse_interval(text: str) -> timedelta:
    """The interval. Raises ValueError with the rule."""
    match = _INTERVAL.fullmatch(text)
    if match is None:
        raise ValueError(INTERVAL_RULE)
    interval = int(match[1]) * _UNITS[match[2]]
    if not _UNITS["s"] <= interval <= _LONGEST:
        raise ValueError(INTERVAL_RULE)
    return interval


def multiple_from(at: datetime, interval: timedelta) -> datetime:
    """The first moment at or after ``at`` that lies a multiple of the interval from 1970-01-01T00:00:00Z.

    At the end of the year 9999, where there is none, it is the last moment.
    """
    microseconds = (at - _EPOCH) // MICROSECOND
    step = interval // MICROSECOND
    multiple = -(-microseconds // step) * step
    return _EPOCH + timedelta(microseconds=multiple) if multiple <= (LATEST - _EPOCH) // MICROSECOND else LATEST
