"""What the users of a soak do, without end: drawn from a seed, from one tick to the next.

Ticks are six hours apart in the users' time, users are idle after one hour and a message counts for 36 hours. So about
a sixth of the users is due at each tick, others were active a moment before it, and those who weren't drawn for three
days are dormant.
"""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.oracle import HOUR, Thresholds

VARIABLES = {"INACTIVITY_THRESHOLD_SECONDS": "3600", "MESSAGE_FREQUENCY_HOURS": "36"}
THRESHOLDS = Thresholds(inactivity=HOUR, message_frequency=36 * HOUR)

Record = tuple[bytes, bytes]
"""Key and value."""

_BEGINNING = datetime(2024, 5, 1, tzinfo=UTC)
_BETWEEN_TICKS = timedelta(hours=6)
_REMEMBERED = 2_000
# How often what is drawn.
_PARTS = {"back": 64, "new": 5, "renamed": 3, "late": 12, "repeated": 15, "bad": 1}


class Crowd:
    """``users`` to begin with. The same seed and the same calls give the same records."""

    def __init__(self, users: int, seed: str) -> None:
        self._random = random.Random(seed)
        self._users: list[str] = []
        self._first = users
        self._past: list[Record] = []
        self._ticks = 0

    def beginning(self) -> list[Record]:
        """Each user's first record."""
        return [self._newcomer(20 * timedelta(days=1)) for _ in range(self._first)]

    def some(self, number: int) -> list[Record]:
        """What happens next."""
        records = [self._draw() for _ in range(number)]
        # A repeat is one of the recent past.
        self._past = (self._past + records)[-_REMEMBERED:]
        return records

    def next_tick(self) -> tuple[str, bytes]:
        """The id and the value of the next tick; what is drawn afterwards happens after it, mostly."""
        self._ticks += 1
        at = _written(self._now)
        tick_id = f"tick {self._ticks}"
        value = {"type": "engagement.tick", "tick_id": tick_id, "at": at}
        return tick_id, json.dumps(value).encode()

    @property
    def _now(self) -> datetime:
        """The time of the last tick."""
        return _BEGINNING + self._ticks * _BETWEEN_TICKS

    def _draw(self) -> Record:
        [kind] = self._random.choices(*zip(*_PARTS.items(), strict=True))
        user = self._random.choice(self._users)
        match kind:
            case "new":
                return self._newcomer(_BETWEEN_TICKS)
            case "renamed":
                return self._registered(user, self._before(timedelta(days=60)))
            case "late":
                return _active(user, self._before(timedelta(days=40)))
            case "repeated" if self._past:
                return self._random.choice(self._past)
            case "bad":
                return self._bad(user)
        return _active(user, self._now + self._within(_BETWEEN_TICKS))

    def _newcomer(self, span: timedelta) -> Record:
        user = f"user{len(self._users)}"
        self._users.append(user)
        at = self._before(span)
        return self._registered(user, at) if self._random.random() < 0.4 else _active(user, at)

    def _registered(self, user: str, at: datetime) -> Record:
        name = f"Ada {self._random.randrange(1_000)}"
        return _record({"type": "user.registered", "user_id": user, "name": name, "occurred_at": _written(at)})

    def _bad(self, user: str) -> Record:
        key, value = _active(user, self._now)
        return self._random.choice(
            [
                (key, b"nonsense"),
                (key, b'{"type": "user.active"}'),
                (key, b'{"type": "user.left", "user_id": "%s", "occurred_at": "2024-05-01T00:00:00Z"}' % user.encode()),
                (f"not {user}".encode(), value),
                (key, value.replace(b"2024", b"9999")),
            ]
        )

    def _before(self, span: timedelta) -> datetime:
        return self._now - self._within(span)

    def _within(self, span: timedelta) -> timedelta:
        return timedelta(seconds=self._random.randrange(int(span.total_seconds())))


def marked(value: bytes, number: int) -> bytes:
    """The same value with a field that nobody reads: it tells two records apart, also one and its repetition."""
    return b'%s, "event_id": %d}' % (value[:-1], number) if value.endswith(b"}") else b"%s %d" % (value, number)


def _active(user: str, at: datetime) -> Record:
    return _record({"type": "user.active", "user_id": user, "occurred_at": _written(at)})


def _record(event: dict[str, Any]) -> Record:
    return event["user_id"].encode(), json.dumps(event).encode()


def _written(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
