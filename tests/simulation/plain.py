"""The plain model: which events are in the state, whose user is whose, and who was messaged when."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests import oracle
from tests.oracle import Event, Thresholds, User, Verdict


class DifferenceError(AssertionError):
    """The engine did not do what was promised."""


def promised(*, holds: bool, difference: str) -> None:
    """Raises DifferenceError unless it holds."""
    if not holds:
        raise DifferenceError(difference)


@dataclass(slots=True)
class PlainState:
    """Users by the events that were taken in, in the order of the commits; times in microseconds since 1970."""

    events: dict[str, tuple[Event, ...]] = field(default_factory=dict)
    shard: dict[str, int] = field(default_factory=dict)
    messaged: dict[str, int] = field(default_factory=dict)
    gone: dict[int, dict[str, str]] = field(default_factory=dict)
    """By shard in the middle of a tick, the users who moved away since, each with the outcome stored at that moment."""

    def copy(self) -> "PlainState":
        gone = {shard: dict(users) for shard, users in self.gone.items()}
        return PlainState(dict(self.events), dict(self.shard), dict(self.messaged), gone)

    def take_in(self, event: Event, shard: int) -> int | None:
        """One more event of the user, who is the shard's from now on; returns the shard that lost the user, if any."""
        before = self.shard.get(event.user_id, shard)
        self.events[event.user_id] = (*self.events.get(event.user_id, ()), event)
        self.shard[event.user_id] = shard
        return None if before == shard else before

    def user(self, user_id: str) -> User:
        return oracle.user_of(self.events[user_id], self.messaged.get(user_id))

    def users_of(self, shard: int) -> list[User]:
        return [self.user(user_id) for user_id, number in self.shard.items() if number == shard]


@dataclass(slots=True)
class Evaluation:
    """One shard's evaluation of one tick, as the rules see its users when it began."""

    offset: int
    tick: oracle.Tick
    thresholds: Thresholds
    users: dict[str, User]
    verdicts: dict[str, Verdict]
    messaged: set[str] = field(default_factory=set)
    complete: bool = False

    def outcomes(self, gone: dict[str, str]) -> list[str]:
        """Where each user is counted; ``gone`` are those who moved away in the middle, as they were stored then.

        That outcome is the tick's where they were looked at before, and the one at the beginning where not.
        """
        left = {user_id: stored for user_id, stored in gone.items() if user_id not in self.messaged}
        return [left.get(user_id, verdict.segment or verdict.reason) for user_id, verdict in self.verdicts.items()]


FIGURES = (*oracle.SKIP_REASONS, *oracle.TONES)


def figures_of(outcomes: Iterable[str]) -> dict[str, int]:
    """How many users ended where."""
    counted = dict.fromkeys(FIGURES, 0)
    for outcome in outcomes:
        counted[outcome] += 1
    return counted


def cycle_value(tick: oracle.Tick, figures: dict[str, int], evaluated: int, coalesced: int) -> dict[str, object]:
    """The cycle's record, also of a cycle that only some shards evaluated."""
    status = "Cycle complete" if not coalesced else "Cycle partial" if evaluated else "Cycle coalesced"
    segments = {name: figures[name] for name in oracle.TONES}
    reasons = {name: figures[name] for name in oracle.SKIP_REASONS}
    total, eligible = sum(figures.values()), sum(segments.values())
    return {
        "status": status,
        "total_users": total,
        "messages_sent": eligible,
        "users_skipped": total - eligible,
        "segment_breakdown": segments,
        "detailed_stats": {
            "total_users": total,
            "eligible": eligible,
            "skipped": total - eligible,
            "by_segment": segments,
            "skip_reasons": reasons,
        },
        "tick_id": tick.tick_id,
        "at": oracle.written(tick.at),
        "shards": {"evaluated": evaluated, "coalesced": coalesced},
    }
