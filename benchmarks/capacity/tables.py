"""What was fitted, how well it foretells what it wasn't fitted to, and what loads need."""

import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.capacity.fitting import Costs, Spent, Work, fitted, predicted
from benchmarks.capacity.measuring import Capacity

_UNITS = {
    "events": "an event is read",
    "new": "a user is new",
    "known": "a known user's row is changed",
    "woken": "a user who came back wakes",
    "messages": "a message is decided, logged and published",
}
_DAY_SECONDS = 86_400
# What is busy all the time answers late, and has nothing left for a peak.
_BUSY = 0.6


@dataclass(frozen=True, slots=True)
class Load:
    """Users, of whom so many are active on a day, at the busiest time so many events a second, and messages a day.

    Each event is taken to change a row, as where no user has two events within a batch, and a hundredth of the users to
    be new each day. Ticks come hourly; the messages are spread evenly over them, and so are those who wake.
    """

    users: int
    active_a_day: int
    events_a_second: int
    messages_a_day: int


LOADS = (
    Load(1_000_000, 400_000, 10_000, 50_000),
    Load(10_000_000, 4_000_000, 100_000, 500_000),
    Load(100_000_000, 40_000_000, 1_000_000, 5_000_000),
)
_LOG_DAYS = 90


def capacity_tables(measured: Capacity) -> Iterator[str]:
    """Markdown: the prices, the check, and the loads."""
    costs = fitted(measured.fitted)
    yield from _prices(costs)
    yield ""
    yield from _check(costs, measured)
    yield ""
    yield from _loads(costs, measured)


def _prices(costs: Costs) -> Iterator[str]:
    yield "| | process, microseconds | broker | Postgres | bytes of WAL |"
    yield "|---|---|---|---|---|"
    for unit, text in _UNITS.items():
        cost = costs[unit]
        yield f"| {text} | {cost.process:.1f} | {cost.broker:.1f} | {cost.postgres:.1f} | {cost.wal:,.0f} |"


def _check(costs: Costs, measured: Capacity) -> Iterator[str]:
    yield "| held back | process, seconds: foretold / measured | broker | Postgres | MB of WAL |"
    yield "|---|---|---|---|---|"
    for name in dict.fromkeys(point.name for point in measured.held_back):
        points = [point for point in measured.held_back if point.name == name]
        told = predicted(costs, points[0].work)
        cells = []
        for side in Spent.__slots__:
            found = statistics.median(getattr(point.spent, side) for point in points)
            cells.append(f"{getattr(told, side) / 1e6:.2f} / {found / 1e6:.2f}")
        yield f"| {name} | {' | '.join(cells)} |"


def _loads(costs: Costs, measured: Capacity) -> Iterator[str]:
    yield (
        "| users | events/s | messages a day | processes | cores of Postgres | cores of brokers | MB/s of WAL"
        " | an hourly tick, seconds | GB on disk |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for load in LOADS:
        yield _load(load, costs, measured)


def _load(load: Load, costs: Costs, measured: Capacity) -> str:
    events = load.events_a_second
    activity = predicted(costs, Work(events=events, new=load.users / 100 / _DAY_SECONDS, known=events))
    tick = predicted(costs, Work(woken=load.active_a_day / 24, messages=load.messages_a_day / 24))
    processes = math.ceil(activity.process / 1e6 / _BUSY)
    disk = load.users * measured.user_bytes + _LOG_DAYS * load.messages_a_day * measured.message_bytes
    cells = [
        f"{load.users:,}",
        f"{events:,}",
        f"{load.messages_a_day:,}",
        f"{processes:,}",
        f"{activity.postgres / 1e6 / _BUSY:,.1f}",
        f"{activity.broker / 1e6 / _BUSY:,.1f}",
        f"{activity.wal / 1e6:,.1f}",
        f"{tick.process / 1e6 / processes:,.1f}",
        f"{disk / 1e9:,.1f}",
    ]
    return f"| {' | '.join(cells)} |"
