"""The oracle's rules: what they say of one user at one moment, and the message that follows.

A plain reading of what is promised to the outside. It imports nothing of the project and shares no code with it. Times
are whole microseconds since 1970-01-01T00:00:00Z, unless a name says otherwise.
"""

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from tests.oracle_input import DAY, SECOND, Event, Limits, Tick, written

HOUR = 3600 * SECOND
MESSAGE_TYPE = "CLIENT_ENGAGEMENT_BRAND"
MESSAGE_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:engagement-decision-engine:message")
TONES = {"dormant": "playful", "new_user": "warm", "normal": "neutral"}
SKIP_REASONS = ("active", "recently_messaged")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The values that the rules compare with, in microseconds."""

    inactivity: int = 24 * HOUR
    message_frequency: int = 24 * HOUR
    dormant: int = 3 * DAY
    new_user: int = DAY


DEFAULT_THRESHOLDS = Thresholds()


@dataclass(frozen=True, slots=True)
class User:
    user_id: str
    name: str
    created_at: int
    last_active: int
    last_messaged: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` is "eligible" or why the user is skipped; `segment` and `tone` are those of an eligible user."""

    reason: str
    segment: str | None = None
    tone: str | None = None


@dataclass(frozen=True, slots=True)
class OutputRecord:
    """A message (all of it) or a cycle (whose headers are free, and empty here)."""

    key: bytes
    value: dict[str, object]
    headers: tuple[tuple[str, bytes], ...] = ()


def user_of(events: Collection[Event], last_messaged: int | None) -> User:
    """One user's events, at least one, in whatever order and however often each came."""
    registrations = [event for event in events if event.name is not None]
    return User(
        user_id=next(event.user_id for event in events),
        name=max(((event.occurred_at, event.name or "") for event in registrations), default=(0, "there"))[1],
        created_at=min(event.occurred_at for event in registrations or events),
        last_active=max(event.occurred_at for event in events),
        last_messaged=last_messaged,
    )


def evaluate(user: User, at: int, thresholds: Thresholds) -> Verdict:
    idle = at - user.last_active
    age = at - user.created_at
    if idle <= thresholds.inactivity:
        return Verdict("active")
    if user.last_messaged is not None and at - user.last_messaged < thresholds.message_frequency:
        return Verdict("recently_messaged")
    segment = "dormant" if idle >= thresholds.dormant else "new_user" if age < thresholds.new_user else "normal"
    return Verdict("eligible", segment, TONES[segment])


def evaluate_all(users: Iterable[User], at: int, thresholds: Thresholds) -> dict[str, Verdict]:
    """Judge each user at one moment; by user id."""
    return {user.user_id: evaluate(user, at, thresholds) for user in users}


def greeting(tone: str | None, name: str) -> str:
    return {
        "playful": f"Hey {name}, we miss you! 😉",
        "warm": f"Welcome, {name}! We're so glad you're here! 🌟",
        "neutral": f"Hi {name}, just checking in! 👋",
    }[tone or ""]


def message(user: User, verdict: Verdict, tick: Tick, limits: Limits) -> OutputRecord:
    decided_at = written(tick.at)
    message_id = str(uuid.uuid5(MESSAGE_NAMESPACE, f"{decided_at}/{user.user_id}"))
    value: dict[str, object] = {
        "message_id": message_id,
        "type": MESSAGE_TYPE,
        "user_id": user.user_id,
        "content": greeting(verdict.tone, user.name),
        "segment": verdict.segment,
        "tone": verdict.tone,
        "reason": verdict.reason,
        "tick_id": tick.tick_id,
        "decided_at": decided_at,
    }
    headers = {
        "ce_specversion": "1.0",
        "ce_id": message_id,
        "ce_type": MESSAGE_TYPE,
        "ce_source": limits.event_source,
        "ce_time": decided_at,
        "content-type": "application/json",
    }
    return OutputRecord(user.user_id.encode(), value, tuple((name, text.encode()) for name, text in headers.items()))
