"""The model: each side's time, and the WAL, are sums over units of work, each unit at its own price."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Work:
    """So many units of each kind.

    ``events`` are read; ``new`` users come with them, and of those who are ``known`` a row is changed (one of a batch's
    users, whatever many events the batch has of them). At ticks some are ``woken`` for nothing, as they came back after
    their wake time had been set, and some get ``messages``.
    """

    events: float = 0
    new: float = 0
    known: float = 0
    woken: float = 0
    messages: float = 0


@dataclass(frozen=True, slots=True)
class Spent:
    """Microseconds of processor time of each side, and bytes of WAL."""

    process: float
    broker: float
    postgres: float
    wal: float


@dataclass(frozen=True, slots=True)
class Point:
    """What some work has cost, once."""

    name: str
    work: Work
    spent: Spent


Costs = Mapping[str, Spent]
"""By the name of a unit, what one costs."""


def fitted(points: Sequence[Point]) -> Costs:
    """The prices that explain the points best: the sum of the squares of the relative errors is the least."""
    units, sides = Work.__slots__, Spent.__slots__
    work = np.array([astuple(point.work) for point in points])
    prices = np.array([_prices(work, [getattr(point.spent, side) for point in points]) for side in sides])
    return {unit: Spent(*map(float, prices[:, number])) for number, unit in enumerate(units)}


def _prices(work: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]", spent: Sequence[float]) -> list[float]:
    """None is negative: a unit that would be is taken for free, and the others are fitted without it."""
    # What cost too little to be measured has no relative error.
    measured = np.array(spent) > 0
    weighed = work[measured] / np.array(spent)[measured, None]
    used = list(range(work.shape[1]))
    while True:
        found, *_ = np.linalg.lstsq(weighed[:, used], np.ones(len(weighed)), rcond=None)
        if (found >= 0).all():
            break
        used.pop(int(found.argmin()))
    prices = [0.0] * work.shape[1]
    for number, price in zip(used, found, strict=True):
        prices[number] = float(price)
    return prices


def predicted(costs: Costs, work: Work) -> Spent:
    """What that work costs."""
    return Spent(
        *(sum(getattr(work, unit) * getattr(cost, side) for unit, cost in costs.items()) for side in Spent.__slots__)
    )
