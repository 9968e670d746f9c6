"""A crowd of any size, day by day, in which about half of all users are due at each midnight.

A message counts for 36 hours and users are idle after one, so the two halves take turns: whoever was messaged on one
midnight is left in peace on the next one. In between some come back, new ones come, and late events arrive.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.oracle import HOUR, Thresholds

VARIABLES = {"INACTIVITY_THRESHOLD_SECONDS": "3600", "MESSAGE_FREQUENCY_HOURS": "36"}
THRESHOLDS = Thresholds(inactivity=HOUR, message_frequency=36 * HOUR)

_BEGINNING = datetime(2024, 5, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
# Of all users, on each day: active at midnight, back during the day, heard of late; and as many new ones.
_AWAKE, _BACK, _LATE, _NEW = 0.03, 0.15, 0.03, 0.02
_AWAKE_SECONDS = 1_800

Event = dict[str, Any]


class Crowd:
    """``users`` to begin with. The same seed gives the same days, which must be asked for in their order."""

    def __init__(self, users: int, seed: int) -> None:
        self._random = random.Random(seed)
        self._first = users
        self._users: list[str] = []
        self._seen: list[Event] = []
        self._day = 0

    def next_day(self) -> list[Event]:
        """What happens before the next midnight."""
        self._day += 1
        events = list(self._first_day() if self._day == 1 else self._later_day())
        self._seen += events
        return events

    @property
    def midnight(self) -> str:
        """The time of the tick that ends the day."""
        return _written(_BEGINNING + self._day * _DAY)

    def repeats(self, number: int) -> list[Event]:
        """Events of the past once more: they change nothing, whenever they are taken in."""
        return self._random.choices(self._seen, k=number)

    def _first_day(self) -> Iterator[Event]:
        """Every second user is still active at its end, and due a day later than the others."""
        for n in range(self._first):
            user = self._newcomer(f"user{n}")
            if n % 3 == 0:
                yield _registered(user, f"Ada {n}", _BEGINNING - self._within(30 * _DAY))
            if n % 5 != 0:
                yield _active(user, _BEGINNING - self._within(20 * _DAY))
            if n % 2 == 1:
                yield self._awake(user)
            elif n % 4 == 0:
                yield self._back(user)

    def _later_day(self) -> Iterator[Event]:
        for user in list(self._users):
            drawn = self._random.random()
            if drawn < _AWAKE:
                yield self._awake(user)
            elif drawn < _AWAKE + _BACK:
                yield self._back(user)
            elif drawn < _AWAKE + _BACK + _LATE:
                yield _active(user, _BEGINNING - self._within(40 * _DAY))
        for n in range(round(_NEW * self._first)):
            yield self._back(self._newcomer(f"newcomer{self._day}-{n}"))

    def _newcomer(self, user: str) -> str:
        self._users.append(user)
        return user

    def _awake(self, user: str) -> Event:
        return _active(user, self._end - self._within(timedelta(seconds=_AWAKE_SECONDS)))

    def _back(self, user: str) -> Event:
        """At some time of the day, and idle at its end."""
        return _active(user, self._end - _DAY + self._within(_DAY - timedelta(hours=2)))

    @property
    def _end(self) -> datetime:
        return _BEGINNING + self._day * _DAY

    def _within(self, span: timedelta) -> timedelta:
        return timedelta(seconds=self._random.randrange(int(span.total_seconds())))


def _active(user_id: str, at: datetime) -> Event:
    return {"type": "user.active", "user_id": user_id, "occurred_at": _written(at)}


def _registered(user_id: str, name: str, at: datetime) -> Event:
    return {"type": "user.registered", "user_id": user_id, "name": name, "occurred_at": _written(at)}


def _written(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
