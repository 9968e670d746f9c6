"""Times as values: aware datetimes in UTC, whole microseconds."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)


def later(at: datetime, by: timedelta) -> datetime:
    """``at + by``, or ``LATEST`` where that lies beyond the year 9999."""
    return LATEST if by > LATEST - at else at + by


def earlier(at: datetime, by: timedelta) -> datetime:
    """``at - by``, or ``EARLIEST`` where that lies before the year 1."""
    return EARLIEST if by > at - EARLIEST else at - by


# Of a tick's time, the text is asked for twice a message.
@lru_cache(maxsize=16)
def format_time(at: datetime) -> str:
    """The one form in which times leave the engine: UTC with six decimals and a ``Z``."""
    # isoformat, not strftime: the latter writes the year 1 as "1".
    return at.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
