"""Validated facts: what users did, and requests to evaluate."""

from dataclasses import dataclass
from datetime import datetime

from domain.values import value


@value
class Activity:
    """A user did something at ``occurred_at``; with a ``name`` it is a registration under that name."""

    user_id: str
    occurred_at: datetime
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """A request to evaluate every user as of ``at``, the only "now" that any rule sees. ``tick_id`` is a label."""

    tick_id: str
    at: datetime
