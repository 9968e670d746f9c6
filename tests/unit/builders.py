"""Values for tests, with defaults for all that a test doesn't care about."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.codec import Limits
from domain.acceptance import HaltedShard
from domain.policy import Policy
from domain.records import InputRecord
from domain.users import User

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
MICROSECOND, MILLISECOND = timedelta(microseconds=1), timedelta(milliseconds=1)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# Thresholds that leave room for every segment: active up to 1 h, new below 1 day, dormant from 3 days on.
POLICY = Policy(inactivity_threshold=HOUR, message_frequency=DAY, dormant_threshold=3 * DAY, new_user_threshold=DAY)
LIMITS = Limits(max_future_skew=timedelta(seconds=300), max_record_bytes=1000)


def user(
    *,
    idle: timedelta = 2 * DAY,
    age: timedelta = 30 * DAY,
    since: timedelta | None = None,
    name: str | None = None,
    user_id: str = "12",
) -> User:
    """A registered user as of ``NOW``: silent for ``idle``, messaged ``since`` ago."""
    return User(
        user_id=user_id,
        first_seen=NOW - age,
        last_active=NOW - idle,
        registered_at=NOW - age,
        name=name,
        named_at=NOW - age,
        last_messaged=None if since is None else NOW - since,
    )


def record(
    value: bytes | None,
    *,
    key: bytes | None = b"12",
    at: datetime = NOW,
    headers: Any = (),
    topic: str = "user-activity",
) -> InputRecord:
    """A record that Kafka took in at ``at``."""
    return InputRecord(topic, 3, 41, int(at.timestamp() * 1000), key, value, headers)


def active(**changes: Any) -> bytes:
    """The JSON of an activity event; a changed field of value ``...`` is left out."""
    return _json({"type": "user.active", "user_id": "12", "occurred_at": "2026-11-22T09:00:00Z"} | changes)


def registered(**changes: Any) -> bytes:
    """The JSON of a registration."""
    return active(**({"type": "user.registered", "name": "Ghost Gary"} | changes))


def tick(**changes: Any) -> bytes:
    """The JSON of a tick."""
    return _json({"type": "engagement.tick", "tick_id": "t-1", "at": "2026-11-22T10:00:00Z"} | changes)


def _json(fields: dict[str, Any]) -> bytes:
    return json.dumps({name: value for name, value in fields.items() if value is not ...}).encode()


def halted_shard(**changes: Any) -> HaltedShard:
    """A halted shard at which nothing is wrong, with these changes."""
    nothing_wrong: dict[str, Any] = {
        "shard": 0,
        "position": 10,
        "confirmed": 0,
        "decided": 0,
        "outbox": frozenset(),
        "marker": 0,
        "beginning": 0,
        "end": 20,
    }
    return HaltedShard(**nothing_wrong | changes)
