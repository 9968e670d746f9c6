from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from domain.events import Tick
from domain.ticks import JudgedTick, Verdict, judge_ticks
from tests.unit.builders import HOUR, MICROSECOND, NOW

RECORDS = st.lists(st.one_of(st.none(), st.integers(0, 5).map(lambda n: Tick(f"t{n}", NOW + n * MICROSECOND))))


def verdicts(*ticks: Tick | None, latest: datetime | None = None) -> list[Verdict]:
    return [judged.verdict for judged in judge_ticks(enumerate(ticks), latest)[0]]


def test_a_tick_is_stale_unless_it_is_later_than_every_usable_one_before() -> None:
    first, second, third = (Tick("t", NOW + n * MICROSECOND) for n in range(3))
    assert verdicts(second, second, first, third) == [Verdict.USABLE, Verdict.STALE, Verdict.STALE, Verdict.USABLE]


def test_the_label_plays_no_part() -> None:
    assert verdicts(Tick("a", NOW), Tick("b", NOW)) == [Verdict.USABLE, Verdict.STALE]
    assert verdicts(Tick("a", NOW), Tick("a", NOW + HOUR)) == [Verdict.USABLE, Verdict.USABLE]


def test_a_record_that_cannot_be_read_is_unusable_and_changes_nothing() -> None:
    judged, latest = judge_ticks([(7, None), (9, Tick("t", NOW))], NOW - HOUR)
    assert judged == [
        JudgedTick(7, Verdict.UNUSABLE, None),
        JudgedTick(9, Verdict.USABLE, Tick("t", NOW)),
    ]
    assert latest == NOW


def test_the_greatest_usable_time_before_is_taken_into_account() -> None:
    assert verdicts(Tick("t", NOW), latest=NOW) == [Verdict.STALE]
    assert judge_ticks([], NOW) == ([], NOW)
    assert judge_ticks([], None) == ([], None)


@given(RECORDS, st.integers(0, 20))
def test_judging_in_two_goes_is_judging_in_one(ticks: list[Tick | None], cut: int) -> None:
    records = list(enumerate(ticks))
    first, latest = judge_ticks(records[:cut], None)
    second, latest = judge_ticks(records[cut:], latest)
    assert (first + second, latest) == judge_ticks(records, None)


@given(RECORDS)
def test_usable_times_rise(ticks: list[Tick | None]) -> None:
    judged, latest = judge_ticks(enumerate(ticks), None)
    times = [one.tick.at for one in judged if one.tick and one.verdict is Verdict.USABLE]
    assert times == sorted(set(times))
    assert latest == max((tick.at for tick in ticks if tick), default=None)
