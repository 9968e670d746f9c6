"""What a cycle did: its figures and its status."""

from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Self

from domain.times import format_time


@dataclass(frozen=True, slots=True)
class Figures:
    """How many users ended where at a tick: the two skip reasons, then the three segments of those messaged."""

    active: int = 0
    recently_messaged: int = 0
    dormant: int = 0
    new_user: int = 0
    normal: int = 0

    def plus(self, **changes: int) -> Self:
        """The figures with each named one changed by the given amount."""
        return replace(self, **{name: getattr(self, name) + by for name, by in changes.items()})

    @property
    def eligible(self) -> int:
        """Users who got a message."""
        return self.dormant + self.new_user + self.normal

    @property
    def skipped(self) -> int:
        """Users who got none."""
        return self.active + self.recently_messaged

    @property
    def total(self) -> int:
        """All users."""
        return self.eligible + self.skipped

    def as_tuple(self) -> tuple[int, ...]:
        """The values in the order of the fields."""
        return tuple(getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True, slots=True)
class Cycle:
    """One tick over all shards: ``evaluated`` shards took part in the figures, ``coalesced`` ones skipped the tick."""

    tick_id: str
    at: datetime
    evaluated: int
    coalesced: int
    figures: Figures

    @property
    def status(self) -> str:
        """Complete, partial where some shards coalesced the tick, coalesced where all did."""
        if self.coalesced == 0:
            return "Cycle complete"
        return "Cycle partial" if self.evaluated else "Cycle coalesced"


def cycle_record(cycle: Cycle) -> dict[str, Any]:
    """The cycle as it is published: the seed's response in its first six fields, then tick and shards."""
    figures = cycle.figures
    by_segment = {"dormant": figures.dormant, "new_user": figures.new_user, "normal": figures.normal}
    return {
        "status": cycle.status,
        "total_users": figures.total,
        "messages_sent": figures.eligible,
        "users_skipped": figures.skipped,
        "segment_breakdown": by_segment,
        "detailed_stats": {
            "total_users": figures.total,
            "eligible": figures.eligible,
            "skipped": figures.skipped,
            "by_segment": dict(by_segment),
            "skip_reasons": {"active": figures.active, "recently_messaged": figures.recently_messaged},
        },
        "tick_id": cycle.tick_id,
        "at": format_time(cycle.at),
        "shards": {"evaluated": cycle.evaluated, "coalesced": cycle.coalesced},
    }
