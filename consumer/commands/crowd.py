"""A generated crowd that behaves like a real one. The same seed and time always give the same events.

What a real one is like was measured on CollegeMsg, a public record of an online community's messages (Stanford's SNAP
collection: 1,350 senders, 59,835 messages, April to October 2004):

- People come in visits, with half an hour of silence between two at least. A visit has 2.4 events in the mean, minutes
  apart.
- Activity is heavy-tailed. The median sender comes every three days, the top tenth sends 56 % of the messages.
- Most leave. A quarter is gone after 4 days, half after 25. Some come back after a while: 3 % of the pauses between two
  messages of a sender are a week or longer.
- There is a day and a week: Saturday and Sunday have about two thirds of a weekday's activity.

The shape of a day, the time zones, and the shares of those who never register and of late events are plain assumptions.
"""

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

from consumer.commands.crowd_names import invented_name
from domain.events import Activity
from domain.times import EARLIEST

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
"""Seconds: times in here are seconds since the beginning of the crowd's history."""

# A user's visits a day: log-normal around the median. With this spread the top tenth makes half of the visits; at most
# so many, since the tail of the distribution knows no sleep.
_MEDIAN_VISITS, _SPREAD, _MOST_VISITS = 0.34, 1.3, 40.0
_GO_ON_IN_VISIT = 0.58  # 1 / (1 - 0.58) = 2.4 events a visit
_EVENT_GAP = 4 * MINUTE
# A share stays; of the others, half have left after 25 days.
_STAYING_SHARE, _MEAN_STAY = 0.2, 25 * DAY / 0.69
_BREAK_SHARE, _SHORTEST_BREAK, _MEAN_BREAK = 0.03, 4 * DAY, 10 * DAY
_NEVER_REGISTERED_SHARE = 0.08
# Sent when the device was online again.
_LATE_SHARE, _MEAN_DELAY = 0.01, 2 * HOUR

# Activity by local hour, from midnight on, and by weekday, from Monday on; both about 1 in the mean.
_BY_HOUR = (
    *(0.35, 0.18, 0.09, 0.06, 0.06, 0.12, 0.35, 0.75, 1.05, 1.15, 1.2, 1.3),
    *(1.45, 1.35, 1.2, 1.15, 1.25, 1.4, 1.55, 1.75, 1.9, 1.8, 1.4, 0.8),
)
_BY_WEEKDAY = (1.1, 1.1, 1.1, 1.1, 1.1, 0.75, 0.75)
_BUSIEST = max(_BY_HOUR) * max(_BY_WEEKDAY)
# Offsets from UTC in hours, and how many users have them.
_ZONES, _ZONE_WEIGHTS = (-8.0, -5.0, -3.0, 0.0, 1.0, 2.0, 5.5, 9.0), (6, 12, 6, 14, 40, 12, 6, 4)

_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)


@dataclass(slots=True)
class _Person:
    """``name`` is kept until the registration, ``clock`` what to add to a time for seconds since a local Monday."""

    user_id: str
    name: str | None
    clock: float
    visits: float
    leaves: float


@dataclass(frozen=True, slots=True)
class _Sending:
    """One event of a person, or, when it was delayed, nothing but that event."""

    person: _Person
    happened: float
    delayed: bool


def crowd(users: int, seed: int, now: datetime, days: int = 30) -> Iterator[Activity]:
    """The events of so many users in the days before ``now``, in the order in which they arrive.

    Each user has one event at least: the registration, or, of those who never register, the first visit. About one
    event in a hundred arrives late, behind others that happened after it. Holds a few hundred bytes a user in memory.
    """
    span = min(timedelta(days=days), now - EARLIEST)
    start = now - span
    for happened, person, name in _Crowd(users, seed, start, span.total_seconds()).play():
        yield Activity(person.user_id, start + timedelta(seconds=happened), name)


class _Crowd:
    """Each user's next event, in the order of their times."""

    def __init__(self, users: int, seed: int, start: datetime, end: float) -> None:
        self._rng = random.Random(seed)  # noqa: S311 - test data that is to repeat
        self._end = end
        self._monday = (start - _MONDAY).total_seconds()
        self._serial = count()  # tells equal times apart, always in the same way
        self._waiting: list[tuple[float, int, _Sending]] = []
        for number in range(1, users + 1):
            person, arrives = self._newcomer(number)
            self._push(arrives, _Sending(person, arrives, delayed=False))

    def play(self) -> Iterator[tuple[float, _Person, str | None]]:
        """When, who, and the name where it is a registration."""
        while self._waiting:
            at, _, sending = heapq.heappop(self._waiting)
            person = sending.person
            if sending.delayed:
                yield sending.happened, person, None
                continue
            name, person.name = person.name, None
            if name is None and self._rng.random() < _LATE_SHARE:
                self._push(min(at + self._exponential(_MEAN_DELAY), self._end), _Sending(person, at, delayed=True))
            else:
                yield at, person, name
            following = self._following(person, at)
            if following <= min(person.leaves, self._end):
                self._push(following, _Sending(person, following, delayed=False))

    def _push(self, at: float, sending: _Sending) -> None:
        heapq.heappush(self._waiting, (at, next(self._serial), sending))

    def _newcomer(self, number: int) -> tuple[_Person, float]:
        rng = self._rng
        [zone] = rng.choices(_ZONES, weights=_ZONE_WEIGHTS)
        clock = self._monday + zone * HOUR
        arrives = self._awake(clock)
        stays = rng.random() < _STAYING_SHARE
        person = _Person(
            user_id=f"crowd-{number}",
            name=None if rng.random() < _NEVER_REGISTERED_SHARE else invented_name(rng),
            clock=clock,
            visits=min(_MEDIAN_VISITS * rng.lognormvariate(0, _SPREAD), _MOST_VISITS),
            leaves=self._end if stays else arrives + self._exponential(_MEAN_STAY),
        )
        return person, arrives

    def _awake(self, clock: float) -> float:
        """When somebody arrives: in a wave at first, then steadily, and rarely at night."""
        while True:
            arrives = self._end * self._rng.random() ** 2
            if self._happens(arrives, clock):
                return arrives

    def _following(self, person: _Person, at: float) -> float:
        """When the next event happens: in the same visit, or in another one."""
        if self._rng.random() < _GO_ON_IN_VISIT:
            return at + self._exponential(_EVENT_GAP)
        if self._rng.random() < _BREAK_SHARE:
            at += _SHORTEST_BREAK + self._exponential(_MEAN_BREAK)
        # Visits at the rate of the busiest hour, of which other hours keep their share only.
        gap = DAY / (person.visits * _BUSIEST)
        while at <= self._end:
            at += self._exponential(gap)
            if self._happens(at, person.clock):
                break
        return at

    def _happens(self, at: float, clock: float) -> bool:
        days, second = divmod(at + clock, DAY)
        activity = _BY_WEEKDAY[int(days) % 7] * _BY_HOUR[int(second / HOUR)]
        return self._rng.random() * _BUSIEST < activity

    def _exponential(self, mean: float) -> float:
        return self._rng.expovariate(1 / mean)
