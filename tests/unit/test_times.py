from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.codec import parse_time
from domain.times import LATEST, format_time, later
from tests import oracle
from tests.unit.builders import DAY, MICROSECOND, NOW

NUMBERS = st.integers(0, 99).map(lambda number: f"{number:02}")
TEXTS = st.builds(
    "{}-{}-{}T{}:{}:{}{}{}".format,
    st.sampled_from(["2026", "2024", "0000", "0001", "9999", "1900", "2000"]),
    st.one_of(st.sampled_from(["01", "02", "12"]), NUMBERS),
    st.one_of(st.sampled_from(["01", "28", "29", "31"]), NUMBERS),
    st.one_of(st.sampled_from(["00", "23", "24"]), NUMBERS),
    st.one_of(st.sampled_from(["00", "59", "60"]), NUMBERS),
    st.one_of(st.sampled_from(["00", "59", "60"]), NUMBERS),
    st.one_of(st.just(""), st.text("0123456789", max_size=9).map(lambda digits: "." + digits)),
    st.one_of(
        st.sampled_from(["Z", "z", "", "+00:00", "-00:00", "+23:59", "-23:59", "+24:00", "-0100"]),
        st.builds("{}{}:{}".format, st.sampled_from("+-"), NUMBERS, NUMBERS),
    ),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T10:00:00Z", NOW),
        ("2026-11-22T12:30:00+02:30", NOW),
        ("2026-11-21T10:01:00-23:59", NOW),
        ("2026-11-22T10:00:00.000001999999Z", NOW + MICROSECOND),
        ("2026-11-22T10:00:00.1Z", NOW + timedelta(milliseconds=100)),
        ("2024-02-29T00:00:00-00:00", datetime(2024, 2, 29, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("0000-12-31T23:59:00-00:01", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.9999999Z", LATEST),
        ("9999-12-31T23:59:59.999999+00:01", LATEST - timedelta(minutes=1)),
    ],
)
def test_times_are_read(text: str, expected: datetime) -> None:
    assert parse_time(text) == expected
    assert parse_time(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-22",
        "2026-11-22 10:00:00Z",
        "2026-11-22t10:00:00Z",
        "2026-11-22T10:00:00z",
        "2026-11-22T10:00:00",
        "2026-11-22T10:00Z",
        "2026-11-22T10:00:00.Z",
        "2026-11-22T10:00:00,5Z",
        "2026-11-22T24:00:00Z",
        "2026-11-22T23:59:60Z",
        "2026-11-22T23:60:00Z",
        "2026-02-29T00:00:00Z",
        "2026-11-22T10:00:00+24:00",
        "2026-11-22T10:00:00+0100",
        "2026-11-22T10:00:00+01",
        "2026-11-22T10:00:00+01:00:00",
        "20261122T100000Z",
        "2026-W47-7T10:00:00Z",
        "0000-12-31T23:59:59Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:00-00:01",
        "\uff12\uff10\uff12\uff16-11-22T10:00:00Z",
        "2026-11-22T10:00:00Z\n",
        " 2026-11-22T10:00:00Z",
        "1795341600",
        1795341600,
        None,
    ],
)
def test_what_is_no_time_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="RFC 3339"):
        parse_time(text)


@given(TEXTS)
def test_times_are_read_as_the_oracle_reads_them(text: str) -> None:
    try:
        read = oracle.microseconds(parse_time(text))
    except ValueError:
        assert oracle.parse_time(text) is None
    else:
        assert read == oracle.parse_time(text)


@given(st.datetimes(timezones=st.just(UTC)))
def test_what_is_written_is_read_again(at: datetime) -> None:
    assert len(format_time(at)) == len("2026-11-22T10:00:00.000000Z")
    assert parse_time(format_time(at)) == at


@given(st.datetimes(timezones=st.just(UTC)), st.timedeltas(min_value=timedelta(0)))
def test_sums_end_at_the_latest_time(at: datetime, by: timedelta) -> None:
    assert later(at, by) - at == min(by, LATEST - at)


def test_the_latest_time_is_no_day_further() -> None:
    assert later(LATEST - DAY, DAY) == LATEST == later(LATEST, MICROSECOND)
