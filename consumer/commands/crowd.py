"""A generated crowd: the same seed and time always give the same events."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from domain.events import Activity

OLDEST = timedelta(days=30)
MOST_VISITS = 5


def crowd(users: int, seed: int, now: datetime) -> Iterator[Activity]:
    """Users who registered within the 30 days before ``now`` and came back up to five times since."""
    rng = random.Random(seed)  # noqa: S311 - test data that is to repeat
    for number in range(1, users + 1):
        user_id = f"crowd-{number}"
        registered_at = now - rng.random() * OLDEST
        yield Activity(user_id, registered_at, f"Crowd {number}")
        for _ in range(rng.randint(0, MOST_VISITS)):
            yield Activity(user_id, registered_at + rng.random() * (now - registered_at))
