"""When which fault happens to whom: drawn from a seed, before anything runs.

Time is cut into periods. Faults begin and end in the first three quarters of each; the last one is quiet, so that
recovery is seen. In most periods faults overlap; in each fifth one they come one at a time, so that it is seen how long
it takes to recover from each alone. Kinds come from shuffled decks, so that each of them occurs before any of them
occurs often.
"""

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from tests.fault.soak.kinds import KINDS, Kind

PERIOD_SECONDS = 48.0
QUIET_SECONDS = PERIOD_SECONDS / 4
# Four periods of five, 36 s of each, with a fault each 1.7 s make 1,270 faults an hour, of which some hit nobody.
_GAP_SECONDS = (0.7, 2.7)
_ALONE_OF = 5
_ALONE_GAP_SECONDS = (7.0, 9.0)
_ALONE_LONGEST_SECONDS = 9.0


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """``begins``: seconds since the schedule's start; ``seconds``: until it is healed.

    ``chance``, from 0 to 1, is for what is only chosen when it happens: one of several backends or points.
    """

    number: int
    kind: str
    target: str
    begins: float
    seconds: float
    chance: float

    @property
    def ends(self) -> float:
        return self.begins + self.seconds


def draw_schedule(seed: str, periods: int, alone: Collection[str] = ()) -> list[PlannedFault]:
    """The faults of so many periods, in the order in which they begin; or of these kinds alone, one at a time."""
    rng = random.Random(seed)
    kinds = [kind for kind in KINDS if kind.name in alone] or KINDS
    mixed = _Drawing(rng, kinds)
    calm = _Drawing(rng, [kind for kind in kinds if kind.seconds[1] <= _ALONE_LONGEST_SECONDS])
    found: list[PlannedFault] = []
    for period in range(periods):
        drawn = calm.one_at_a_time if alone or period % _ALONE_OF == _ALONE_OF - 1 else mixed.overlapping
        found += drawn(period * PERIOD_SECONDS)
    return [replace(fault, number=number) for number, fault in enumerate(found, 1)]


class _Drawing:
    def __init__(self, rng: random.Random, kinds: Sequence[Kind]) -> None:
        self._random = rng
        self._kinds = kinds
        self._deck = self._shuffled([*kinds])
        """First each kind once, later as often as it weighs."""
        self._free: dict[str, float] = {}
        """From when on each lane may be used."""

    def overlapping(self, start: float) -> Iterator[PlannedFault]:
        """A period in which the next fault doesn't wait for the end of the last."""
        end = start + PERIOD_SECONDS - QUIET_SECONDS
        now = start + self._random.uniform(0, 1)
        while now < end:
            fault = self._next(now, end)
            if fault is not None:
                yield fault
            now += self._random.uniform(*_GAP_SECONDS)

    def one_at_a_time(self, start: float) -> Iterator[PlannedFault]:
        """A period in which the next fault comes when the last one is over, and some seconds have passed."""
        end = start + PERIOD_SECONDS - QUIET_SECONDS
        now = start
        while now < end and (fault := self._next(now, end)) is not None:
            yield fault
            now = fault.ends + self._random.uniform(*_ALONE_GAP_SECONDS)

    def _next(self, now: float, end: float) -> PlannedFault | None:
        """The first of the deck that fits."""
        for place, kind in enumerate(self._deck):
            target = self._random.choice(kind.targets)
            lane = kind.lane.format(target=target)
            seconds = round(self._random.uniform(*kind.seconds), 2)
            if self._free.get(lane, 0.0) > now or now + seconds > end:
                continue
            del self._deck[place]
            if not self._deck:
                self._deck = self._shuffled([each for each in self._kinds for _ in range(each.weight)])
            self._free[lane] = now + seconds + kind.rest
            return PlannedFault(0, kind.name, target, round(now, 2), seconds, self._random.random())
        return None

    def _shuffled(self, kinds: list[Kind]) -> list[Kind]:
        self._random.shuffle(kinds)
        return kinds
