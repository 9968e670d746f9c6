"""A user, and how activity changes one.

The transitions of the stored outcome, in one table (ARCHITECTURE.md shows the same):

=====================  =========================================  =====================  ==========================
stored outcome         what happens                               stored outcome after   wake time after
=====================  =========================================  =====================  ==========================
(none)                 first event                                active                 last active + threshold + 1 µs
active                 event                                      active                 unchanged (lazy re-arming)
recently_messaged      event that advances last active            active                 last active + threshold + 1 µs
recently_messaged      any other event                            recently_messaged      unchanged
active                 due, last active + threshold >= tick       active                 last active + threshold + 1 µs
any                    evaluated: active                          active                 last active + threshold + 1 µs
any                    evaluated: recently_messaged               recently_messaged      last messaged + frequency
any                    evaluated: eligible, so messaged           recently_messaged      the tick's time + frequency
=====================  =========================================  =====================  ==========================
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from domain.events import Activity
from domain.policy import Policy
from domain.times import later
from domain.values import value

MICROSECOND = timedelta(microseconds=1)


class Outcome(StrEnum):
    """What the rules say of a user between two looks: the reasons for skipping one."""

    ACTIVE = "active"
    RECENTLY_MESSAGED = "recently_messaged"


@value
class User:
    """What the rules know of one user. Times are aware and in UTC.

    ``named_at`` is the time of the registration that ``name`` comes from; ``registered_at`` that of the earliest one.
    """

    user_id: str
    first_seen: datetime
    last_active: datetime
    registered_at: datetime | None = None
    name: str | None = None
    named_at: datetime | None = None
    last_messaged: datetime | None = None

    @property
    def created_at(self) -> datetime:
        """The earliest registration, or, while there is none, the earliest event."""
        return self.first_seen if self.registered_at is None else self.registered_at


@value
class StoredUser:
    """A user with the outcome that holds until ``wake_at``; ``LATEST`` means for good."""

    user: User
    outcome: Outcome
    wake_at: datetime


@dataclass(frozen=True, slots=True)
class DueUsers:
    """Some of a shard's due users: those about whom there is something to decide, in the order of their ids.

    ``still_active`` counts the others: stored as active, and since then so lately active that they still are. ``last``
    means that no more than these were due.
    """

    users: list[StoredUser]
    still_active: int
    last: bool

    @property
    def total(self) -> int:
        """All of them."""
        return len(self.users) + self.still_active


@dataclass(slots=True)
class ActivityChange:
    """All that one or more events say of one user, folded into one value by ``coalesce``; not changed after that."""

    user_id: str
    first_seen: datetime
    last_active: datetime
    registered_at: datetime | None
    name: str | None
    named_at: datetime | None


def active_for(policy: Policy) -> timedelta:
    """After how long a user who stays silent is no longer ``active``."""
    return policy.inactivity_threshold + MICROSECOND


def wake_when_active(last_active: datetime, policy: Policy) -> datetime:
    """The first moment at which a user who stays silent is no longer ``active``."""
    return later(last_active, active_for(policy))


def wake_when_messaged(last_messaged: datetime, policy: Policy) -> datetime:
    """The first moment at which a user may be messaged again."""
    return later(last_messaged, policy.message_frequency)


def coalesce(events: Iterable[Activity], seen: Iterable[tuple[str, datetime]] = ()) -> list[ActivityChange]:
    """One change per user, in ascending order of user id; the order of the events doesn't matter.

    ``seen``: who was active when, of events without a name. Nearly all come here: no new object for each.
    """
    changes: dict[str, ActivityChange] = {}
    for user_id, at in seen:
        known = changes.get(user_id)
        if known is None:
            changes[user_id] = ActivityChange(user_id, at, at, None, None, None)
        elif at > known.last_active:
            known.last_active = at
        elif at < known.first_seen:
            known.first_seen = at
    for event in events:
        change, known = _change_of(event), changes.get(event.user_id)
        changes[event.user_id] = change if known is None else _merged(known, change)
    return [changes[user_id] for user_id in sorted(changes)]


def apply(stored: StoredUser | None, change: ActivityChange, policy: Policy) -> StoredUser:
    """The user after the change: the transitions of the table above. ``None`` stands for an unknown user."""
    if stored is None:
        user = User(**{name: getattr(change, name) for name in ActivityChange.__slots__})
        return StoredUser(user, Outcome.ACTIVE, wake_when_active(user.last_active, policy))
    before = stored.user
    known = ActivityChange(**{name: getattr(before, name) for name in ActivityChange.__slots__})
    after = _merged(known, change)
    user = replace(before, **{name: getattr(after, name) for name in ActivityChange.__slots__})
    if stored.outcome is Outcome.RECENTLY_MESSAGED and user.last_active > before.last_active:
        return StoredUser(user, Outcome.ACTIVE, wake_when_active(user.last_active, policy))
    return replace(stored, user=user)


def _change_of(event: Activity) -> ActivityChange:
    at = event.occurred_at
    if event.name is None:
        return ActivityChange(event.user_id, at, at, None, None, None)
    return ActivityChange(event.user_id, at, at, at, event.name, at)


def _merged(one: ActivityChange, other: ActivityChange) -> ActivityChange:
    named = max((one, other), key=lambda change: (change.named_at is not None, change.named_at, change.name or ""))
    registered = [at for at in (one.registered_at, other.registered_at) if at is not None]
    return ActivityChange(
        user_id=one.user_id,
        first_seen=min(one.first_seen, other.first_seen),
        last_active=max(one.last_active, other.last_active),
        registered_at=min(registered, default=None),
        name=named.name,
        named_at=named.named_at,
    )
