"""Three days of a small crowd, in which every rule has something to say.

Ticks are at midnight, users are idle after one hour, and a message counts for 36 hours: whoever was messaged on one
midnight and came back afterwards is `recently_messaged` on the next one.
"""

from collections.abc import Iterator
from typing import Any

from tests.harness.feed import Feed
from tests.oracle import HOUR, Thresholds

VARIABLES = {"INACTIVITY_THRESHOLD_SECONDS": "3600", "MESSAGE_FREQUENCY_HOURS": "36"}
THRESHOLDS = Thresholds(inactivity=HOUR, message_frequency=36 * HOUR)
Events = Iterator[dict[str, Any]]

_OLD = 120
_NEW = 100
# What no decoder takes, all of it with a key, so that it always lies in the same partition.
_BAD_ACTIVITY: list[tuple[bytes | None, bytes | None]] = [
    (b"old1", b"nonsense"),
    (b"old1", None),
    (b"old1", b'{"type": "user.active", "user_id": "old2", "occurred_at": "2024-05-02T01:00:00Z"}'),
]


async def first_day(feed: Feed) -> None:
    """120 users; at its end some are dormant, some new, some normal, a few still active, the rest is messaged."""
    await feed.activity(_first_day())
    await feed.tick(midnight(2), "day 1")


async def second_day(feed: Feed) -> list[int]:
    """100 new users, old ones who come back, late events, bad records, stale and bad ticks, and three good ticks.

    Returns the offsets of those ticks that are left out when nobody works before all of this is produced.
    """
    await second_day_activity(feed)
    coalesced = [await feed.tick("2024-05-02T11:00:00Z", "noon"), await feed.tick("2024-05-02T18:00:00+02:00")]
    for bad in (
        b"nonsense",
        b'{"type": "engagement.tick"}',
        b'{"type": "engagement.tick", "at": "2024-05-01T00:00:00Z"}',
    ):
        await feed.tick_record(bad)
    await feed.tick(midnight(3), "day 2")
    return coalesced


async def second_day_activity(feed: Feed) -> None:
    """What happens on the second day before its ticks."""
    await feed.activity(_second_day())
    await feed.records(_BAD_ACTIVITY)


async def third_day(feed: Feed) -> None:
    """Half of the new users come back, late events of the others; whoever didn't stay awake is due at its end."""
    await feed.activity(late_events())
    await feed.activity(_active(f"new{n}", f"2024-05-03T{n % 24:02}:15:00Z") for n in range(0, _NEW, 2))
    await feed.tick(midnight(4), "day 3")


def staying_awake() -> Events:
    """Of the third day: users who are active just before its end, and were just before the end of the second."""
    return (_active(f"awake{n}", "2024-05-03T23:30:00Z") for n in range(_NEW))


def late_events() -> Events:
    """Of users who are known to be active later than these say."""
    for n in range(0, _NEW, 4):
        yield _active(f"new{n}", "2024-04-02T07:00:00Z")
        yield _active(f"awake{n}", "2024-05-01T07:00:00Z")


def latecomers() -> Events:
    """Users nobody has heard of, whose only activity lies long before the first tick."""
    return (_active(f"latecomer{n}", f"2024-04-10T{n:02}:00:00Z") for n in range(12))


def midnight(day: int) -> str:
    """The beginning of that day of May."""
    return f"2024-05-{day:02}T00:00:00Z"


def _first_day() -> Events:
    for n in range(_OLD):
        if n % 4 == 0:
            yield _registered(f"old{n}", f"Ada {n}", f"2024-04-{1 + n % 20:02}T08:00:00Z")
        if n % 3 != 0:
            yield _active(f"old{n}", f"2024-05-01T{n % 24:02}:00:00Z")
        elif n % 4 != 0:
            yield _active(f"old{n}", "2024-04-20T10:00:00.123456Z")


def _second_day() -> Events:
    for n in range(_NEW):
        yield _active(f"new{n}", f"2024-05-02T{n % 8:02}:30:00Z")
        yield _active(f"awake{n}", "2024-05-02T23:45:00Z")
    for n in range(0, _OLD, 2):
        yield _active(f"old{n}", f"2024-05-02T10:{n % 60:02}:00Z")
    for n in range(0, _OLD, 5):
        yield _active(f"old{n}", "2024-03-01T10:00:00Z")
        yield _registered(f"old{n}", f"Late Ada {n}", f"2024-04-{1 + n % 28:02}T09:00:00Z")


def _active(user_id: str, occurred_at: str) -> dict[str, Any]:
    return {"type": "user.active", "user_id": user_id, "occurred_at": occurred_at}


def _registered(user_id: str, name: str, occurred_at: str) -> dict[str, Any]:
    return {"type": "user.registered", "user_id": user_id, "name": name, "occurred_at": occurred_at}
