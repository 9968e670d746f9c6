"""Validated facts: what users did, and requests to evaluate."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True)
class Activity:
    """A user did something at ``occurred_at``; with a ``name`` it is a registration under that name.

    Nobody changes one. It isn't frozen because that makes it three times as slow to create, for each event.
    """

    user_id: str
    occurred_at: datetime
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """A request to evaluate every user as of ``at``, the only "now" that any rule sees. ``tick_id`` is a label."""

    tick_id: str
    at: datetime
