"""Intervals on the command line, and the moments at their multiples."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.commands.durations import multiple_from, parse_interval
from domain.times import EARLIEST, LATEST

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("60s", timedelta(minutes=1)),
        ("15m", timedelta(minutes=15)),
        ("2h", timedelta(hours=2)),
        ("1d", timedelta(days=1)),
        ("366d", timedelta(days=366)),
    ],
)
def test_an_interval_is_a_whole_number_with_a_unit(text: str, interval: timedelta) -> None:
    assert parse_interval(text) == interval


@pytest.mark.parametrize("text", ["", "60", "s", "0s", "-1d", "1.5h", "1w", "1 d", "1d ", "367d", "9999999999s"])
def test_anything_else_is_refused_with_the_rule(text: str) -> None:
    with pytest.raises(ValueError, match="such as 60s or 1d"):
        parse_interval(text)


def test_days_begin_at_midnight_in_utc() -> None:
    day = timedelta(days=1)
    midnight = datetime(2026, 11, 22, tzinfo=UTC)
    assert multiple_from(midnight, day) == midnight
    assert multiple_from(midnight + timedelta(microseconds=1), day) == midnight + day
    assert multiple_from(midnight - timedelta(microseconds=1), day) == midnight


@given(
    at=st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9998, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    seconds=st.integers(1, 366 * 86_400),
)
def test_the_multiple_is_the_first_one_not_before_the_moment(at: datetime, seconds: int) -> None:
    interval = timedelta(seconds=seconds)
    multiple = multiple_from(at, interval)
    assert at <= multiple < at + interval
    assert (multiple - EPOCH) % interval == timedelta(0)


def test_beyond_the_last_multiple_of_the_year_9999_it_is_the_last_moment() -> None:
    assert multiple_from(LATEST, timedelta(days=7)) == LATEST
    assert multiple_from(EARLIEST, timedelta(days=1)) == EARLIEST
