"""Whether some choice of what each shard may have counted gives a cycle's figures."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tests.fault.soak.checker.shard import Skips

# So many sums take about a second; a cycle that would need more is held against bounds only, and counted.
MOST_SUMS = 2_000_000


@dataclass(frozen=True, slots=True)
class Choice:
    """What one shard may have done with a tick: ``skips`` where it may have evaluated it, else empty."""

    skips: Collection[Skips]
    may_coalesce: bool = False

    @property
    def terms(self) -> set[tuple[int, int, int]]:
        """What it may add: active, recently messaged, shards that coalesced."""
        return {(*skips, 0) for skips in self.skips} | ({(0, 0, 1)} if self.may_coalesce else set())


def possible(choices: Sequence[Choice], skips: Skips, coalesced: int) -> bool | None:
    """Whether the choices can add up to these figures; None where only the bounds were looked at, and they hold."""
    goal = (*skips, coalesced)
    terms = sorted((choice.terms for choice in choices), key=len)
    least = [[min(term[axis] for term in some) for axis in range(3)] for some in terms]
    most = [[max(term[axis] for term in some) for axis in range(3)] for some in terms]
    sums = {(0, 0, 0)}
    for index, some in enumerate(terms):
        low, high = (
            [goal[axis] - sum(one[axis] for one in bounds[index + 1 :]) for axis in range(3)]
            for bounds in (most, least)
        )
        if len(sums) * len(some) > MOST_SUMS:
            return None if _within(goal, least, most) else False
        added = ((s[0] + t[0], s[1] + t[1], s[2] + t[2]) for s in sums for t in some)
        sums = {
            one
            for one in added
            if low[0] <= one[0] <= high[0] and low[1] <= one[1] <= high[1] and low[2] <= one[2] <= high[2]
        }
    return goal in sums


def _within(goal: Sequence[int], least: Sequence[Sequence[int]], most: Sequence[Sequence[int]]) -> bool:
    return all(
        sum(one[axis] for one in least) <= goal[axis] <= sum(one[axis] for one in most) for axis in range(len(goal))
    )
