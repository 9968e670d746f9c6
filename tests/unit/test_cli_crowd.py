"""The generated crowd: the same for the same seed, and like a real one in what matters. Margins are wide."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest

from adapters.codec.fields import clean_name
from consumer.commands.crowd import crowd
from domain.events import Activity
from domain.times import EARLIEST

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
DAYS = 30
USERS = 2_000
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def events() -> list[Activity]:
    """A crowd of one seed."""
    return list(crowd(USERS, 7, NOW, DAYS))


@pytest.fixture(scope="module")
def times(events: list[Activity]) -> dict[str, list[datetime]]:
    """When each user did something, in order."""
    found = defaultdict(list)
    for event in events:
        found[event.user_id].append(event.occurred_at)
    return {user_id: sorted(times) for user_id, times in found.items()}


def test_the_same_seed_and_time_give_the_same_crowd(events: list[Activity]) -> None:
    assert list(crowd(USERS, 7, NOW, DAYS)) == events
    assert list(crowd(50, 7, NOW)) != list(crowd(50, 8, NOW))
    assert list(crowd(50, 7, NOW)) != list(crowd(50, 7, NOW + DAY))


def test_everybody_does_something_within_the_history(times: dict[str, list[datetime]]) -> None:
    assert set(times) == {f"crowd-{number}" for number in range(1, USERS + 1)}
    assert all(NOW - DAYS * DAY <= own[0] <= own[-1] <= NOW for own in times.values())


def test_events_come_in_the_order_of_time_but_for_a_few_late_ones(events: list[Activity]) -> None:
    out_of_order = sum(earlier.occurred_at > later.occurred_at for earlier, later in pairwise(events))
    assert 0.002 < out_of_order / len(events) < 0.03


def test_most_register_once_and_first_of_all(events: list[Activity], times: dict[str, list[datetime]]) -> None:
    registrations = [event for event in events if event.name is not None]
    assert len({event.user_id for event in registrations}) == len(registrations)
    assert 0.8 < len(registrations) / USERS < 0.98
    assert all(event.occurred_at == times[event.user_id][0] for event in registrations)
    days = Counter(event.occurred_at.date() for event in registrations)
    assert len(days) >= DAYS
    assert max(days.values()) < len(registrations) / 3


def test_nights_are_quiet_and_so_are_weekends(events: list[Activity]) -> None:
    hours = Counter(event.occurred_at.hour for event in events)
    # Most users live in Europe and Africa.
    assert sum(hours[hour] for hour in range(6)) < 0.6 * sum(hours[hour] for hour in range(16, 22))
    # Four whole weeks.
    weeks = [event for event in events if event.occurred_at > NOW - 28 * DAY]
    weekend = sum(event.occurred_at.weekday() >= 5 for event in weeks) / len(weeks)
    assert weekend > 0.1
    assert weekend < 2 / 7, "the share of two days of seven"


def test_each_user_has_a_night_of_their_own(times: dict[str, list[datetime]]) -> None:
    busy = [own for own in times.values() if len(own) >= 100]
    nights = []
    for own in busy:
        hours = Counter(at.hour for at in own)
        shares = [sum(hours[(first + n) % 24] for n in range(6)) / len(own) for first in range(24)]
        assert min(shares) < 0.15, "a quarter, if there were none"
        nights.append(shares.index(min(shares)))
    assert len(busy) > 20
    elsewhere = sum(4 <= first <= 16 for first in nights)
    assert 0.05 < elsewhere / len(busy) < 0.5, "some live where Europe's day is night"


def test_a_few_do_most_and_many_do_little(events: list[Activity], times: dict[str, list[datetime]]) -> None:
    counts = sorted((len(own) for own in times.values()), reverse=True)
    assert 0.3 < sum(counts[: USERS // 10]) / len(events) < 0.7
    assert counts[USERS // 2] < 0.75 * len(events) / USERS
    assert counts[-USERS // 20] <= 2
    assert 5 < len(events) / USERS < 60


def test_many_fall_silent_and_some_come_back(times: dict[str, list[datetime]]) -> None:
    """Of each kind that the rules tell apart there are some: active, silent for a day, for three and for good."""
    silent = [NOW - own[-1] for own in times.values()]
    assert 0.05 < sum(length <= DAY for length in silent) / USERS < 0.5
    assert sum(DAY < length < 3 * DAY for length in silent) / USERS > 0.05
    assert 0.3 < sum(length >= 3 * DAY for length in silent) / USERS < 0.9
    came_back = sum(any(later - earlier > 7 * DAY for earlier, later in pairwise(own)) for own in times.values())
    assert 0.05 < came_back / USERS < 0.6


def test_some_of_the_busy_leave_for_good() -> None:
    """In four months; hardly any break is as long as a month."""
    times = defaultdict(list)
    for event in crowd(400, 7, NOW, 120):
        times[event.user_id].append(event.occurred_at)
    busy = [max(own) for own in times.values() if len(own) >= 60]
    left = sum(NOW - latest > 30 * DAY for latest in busy)
    assert len(busy) > 40
    assert 0.15 < left / len(busy) < 0.8


def test_names_are_such_as_the_engine_takes_and_some_need_unicode(events: list[Activity]) -> None:
    names = [event.name for event in events if event.name is not None]
    assert all(clean_name(name) == name for name in names)
    assert 0.02 < sum(not name.isascii() for name in names) / len(names) < 0.5
    assert len(set(names)) > 0.9 * len(names)


def test_a_long_history_is_streamed() -> None:
    """Of the ten years only the beginning is made."""
    first = list(islice(crowd(100, 1, NOW, 3_650), 20))
    assert max(event.occurred_at for event in first) < NOW - 3_000 * DAY


def test_where_time_begins_there_is_no_history() -> None:
    assert {event.occurred_at for event in crowd(3, 1, EARLIEST)} == {EARLIEST}
