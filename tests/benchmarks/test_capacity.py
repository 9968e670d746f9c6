"""The model of capacity finds the prices of what it was given, and is fed by what the engine really did."""

from itertools import product

import pytest

from benchmarks.capacity.fitting import Point, Spent, Work, fitted, predicted
from benchmarks.capacity.measuring import Sizes, measure_capacity
from benchmarks.capacity.tables import capacity_tables
from benchmarks.services import Services
from benchmarks.streams import Stream

PRICES = {
    "events": Spent(2.0, 0.5, 0.0, 0.0),
    "new": Spent(1.0, 0.0, 7.0, 300.0),
    "known": Spent(3.0, 0.0, 5.0, 150.0),
    "woken": Spent(9.0, 0.0, 18.0, 400.0),
    "messages": Spent(27.0, 9.0, 20.0, 700.0),
}


def test_prices_are_found_again() -> None:
    works = [Work(*amounts) for amounts in product((10.0, 1_000.0), repeat=5)]
    points = [Point("some work", work, predicted(PRICES, work)) for work in works]
    for unit, cost in fitted(points).items():
        for side in Spent.__slots__:
            assert getattr(cost, side) == pytest.approx(getattr(PRICES[unit], side), abs=1e-6), (unit, side)


def test_no_price_is_negative() -> None:
    points = [
        Point("one", Work(events=100, messages=1), Spent(100, 100, 100, 100)),
        Point("two", Work(events=200, messages=10), Spent(150, 150, 150, 150)),
        Point("three", Work(events=100, messages=5), Spent(75, 75, 75, 75)),
    ]
    assert min(cost.process for cost in fitted(points).values()) >= 0


async def test_points_hold_what_the_engine_did(benched: Services) -> None:
    streams = (Stream("new", 300, 300), Stream("spread", 300, 600), Stream("hot", 20, 600))
    measured = await measure_capacity(benched, Sizes(streams, Stream("mixed", 200, 600)), rounds=1)
    assert [point.name for point in measured.held_back] == [
        "mixed: activity",
        "mixed: a tick, some came back",
        "mixed: a tick, everybody is due",
    ]
    activity, some, everybody = (point.work for point in measured.fitted[3:6])
    assert (activity.events, activity.new) == (600, 300)
    assert 0 <= activity.known <= 300
    assert some.messages > 0
    assert 0 <= some.woken <= 300 - some.messages
    assert (everybody.woken, everybody.messages) == (0, 300)
    assert measured.user_bytes > 0
    assert len(list(capacity_tables(measured))) == (2 + 5) + 1 + (2 + 3) + 1 + (2 + 3)
