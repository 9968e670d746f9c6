"""The fifteen users of the demo, of whom one tick messages eight and skips seven."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.cycles import Figures
from domain.decision_logic import get_engagement_stats
from domain.events import Activity
from domain.policy import Policy
from domain.users import User

_SECOND, _MINUTE, _HOUR, _DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))

FIGURES = Figures(active=4, recently_messaged=3, dormant=5, new_user=2, normal=1)
"""What the tick does with them."""


@dataclass(frozen=True, slots=True)
class SeedUser:
    """A user of the demo, in times before the tick."""

    user_id: str
    name: str
    registered_ago: timedelta
    active_ago: timedelta
    messaged_before: bool = False

    def events(self, now: datetime) -> list[Activity]:
        """What is produced for the user when the tick is at ``now``."""
        registration = Activity(self.user_id, now - self.registered_ago, self.name)
        return [registration, Activity(self.user_id, now - self.active_ago)]

    def user(self, now: datetime) -> User:
        """The user as the rules see it at the tick."""
        registered_at = now - self.registered_ago
        return User(
            self.user_id,
            first_seen=registered_at,
            last_active=now - self.active_ago,
            registered_at=registered_at,
            name=self.name,
            named_at=registered_at,
            last_messaged=now if self.messaged_before else None,
        )


SEED_USERS = (
    SeedUser("1", "Busy Bee", 40 * _DAY, 0 * _SECOND),
    SeedUser("2", "Dormant Dolphin", 90 * _DAY, 8 * _DAY),
    SeedUser("3", "Newcomer Newt", 2 * _HOUR, 10 * _MINUTE),
    SeedUser("4", "Active Alice", 60 * _DAY, 5 * _SECOND),
    SeedUser("5", "Pinged Penguin", 20 * _DAY, 5 * _HOUR, messaged_before=True),
    SeedUser("6", "Hibernating Hedgehog", 200 * _DAY, 120 * _DAY),
    SeedUser("7", "Lively Lemur", 3 * _HOUR, 10 * _SECOND),
    SeedUser("8", "Ordinary Otter", 30 * _DAY, 6 * _HOUR),
    SeedUser("9", "Greeted Gecko", 15 * _DAY, 4 * _DAY, messaged_before=True),
    SeedUser("10", "Sleepy Sloth", 25 * _DAY, 3 * _DAY),
    SeedUser("11", "Fresh Fern", 23 * _HOUR, 22 * _HOUR),
    SeedUser("12", "Ghost Gary", 50 * _DAY, 5 * _DAY),
    SeedUser("13", "Nudged Nightingale", 6 * _HOUR, 2 * _HOUR, messaged_before=True),
    SeedUser("14", "Faraway Falcon", 35 * _DAY, 30 * _DAY),
    SeedUser("15", "Chatty Chinchilla", 10 * _DAY, 20 * _SECOND),
)


def figures_under(policy: Policy, now: datetime) -> Figures:
    """What the plain rules say of the fifteen at ``now``."""
    return get_engagement_stats([user.user(now) for user in SEED_USERS], now, policy)
