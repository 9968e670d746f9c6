"""How far a cycle is that has not ended, and how long the rest may take."""

from dataclasses import dataclass
from datetime import datetime, timedelta

_CENTURY = timedelta(days=36_525)


@dataclass(frozen=True, slots=True)
class RunningCycle:
    """A tick that some shard has begun and not all ``shards`` are done with.

    ``dealt_with`` and ``remaining`` are due users, ``remaining`` an estimate unless ``counted``. ``elapsed`` is the
    time since the first of the shards that are still at it has begun.
    """

    tick_id: str
    at: datetime
    shards: int
    shards_done: int
    dealt_with: int
    remaining: int
    counted: bool
    elapsed: timedelta

    @property
    def due(self) -> int:
        """All due users, as far as is known."""
        return self.dealt_with + self.remaining

    @property
    def rest(self) -> timedelta | None:
        """The time that the rest takes at the speed so far, a century at most; None before the first was dealt with."""
        if self.remaining == 0:
            return timedelta(0)
        if self.dealt_with == 0:
            return None
        seconds = self.elapsed.total_seconds() * self.remaining / self.dealt_with
        return timedelta(seconds=min(seconds, _CENTURY.total_seconds()))
