"""Which tick of a replay goes out after which event."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from consumer.commands.activity_lines import TimedRecord
from consumer.commands.durations import multiple_from
from consumer.commands.trace import with_ticks
from domain.records import OutgoingRecord

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)
MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)


def timed(at: datetime, name: object = "event") -> TimedRecord:
    return TimedRecord(OutgoingRecord("user-activity", str(name).encode(), None), at)


def steps(events: Sequence[TimedRecord], every: timedelta = DAY) -> list[str | datetime]:
    found = with_ticks(events, every)
    return [step if isinstance(step, datetime) else (step.key or b"").decode() for step in found]


def test_a_tick_follows_the_events_up_to_and_including_its_moment() -> None:
    events = [timed(MIDNIGHT - HOUR, "before"), timed(MIDNIGHT, "at"), timed(MIDNIGHT + MICROSECOND, "after")]
    assert steps(events) == ["before", "at", MIDNIGHT, "after", MIDNIGHT + DAY]


def test_the_last_tick_is_the_first_one_at_or_after_the_last_event() -> None:
    assert steps([timed(MIDNIGHT)]) == ["event", MIDNIGHT]
    assert steps([timed(MIDNIGHT + MICROSECOND)]) == ["event", MIDNIGHT + DAY]


def test_days_without_events_have_their_ticks_too() -> None:
    events = [timed(MIDNIGHT, "first"), timed(MIDNIGHT + 3 * DAY + HOUR, "last")]
    days = [MIDNIGHT + number * DAY for number in range(5)]
    assert steps(events) == ["first", *days[:4], "last", days[4]]


def test_a_late_event_stays_where_it_stands_and_turns_no_clock_back() -> None:
    events = [timed(MIDNIGHT + HOUR, "on time"), timed(MIDNIGHT - 9 * DAY, "late"), timed(MIDNIGHT + DAY, "next")]
    assert steps(events) == ["on time", "late", "next", MIDNIGHT + DAY]


def test_a_trace_without_events_has_no_ticks() -> None:
    assert steps([]) == []


@given(
    st.lists(st.integers(-50, 50).map(lambda half_hours: MIDNIGHT + half_hours * HOUR / 2), max_size=30),
    st.sampled_from([HOUR, 5 * HOUR, DAY]),
)
def test_every_multiple_gets_one_tick_between_the_events_before_and_behind_it(
    times: list[datetime], every: timedelta
) -> None:
    found = steps([timed(at, number) for number, at in enumerate(times)], every)

    ticks = [step for step in found if isinstance(step, datetime)]
    if times:
        first, last = multiple_from(times[0], every), multiple_from(max(times), every)
        # Late events before the first tick's moment don't add ticks.
        assert ticks == [first + number * every for number in range((last - first) // every + 1)]
    assert [step for step in found if isinstance(step, str)] == [str(number) for number in range(len(times))]
    for place, step in enumerate(found):
        if isinstance(step, datetime):
            delivered = sum(isinstance(earlier, str) for earlier in found[:place])
            assert max(times[:delivered]) <= step
            if delivered < len(times):
                assert times[delivered] > step or max(times[: delivered + 1]) > step
