"""The figures of a soak, and the section of the document that shows them."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.documents.sections import markers, replaced, section
from tests.fault.soak.checker.history import Fault
from tests.fault.soak.checker.judgement import Judgement
from tests.fault.soak.document import as_json, markdown
from tests.fault.soak.handover import seconds_until_taken
from tests.fault.soak.recovery import Recovery, quantile, recoveries
from tests.fault.soak.report import Played, Report

ASKED = datetime(2026, 11, 1, 12, tzinfo=UTC)


def fault(begun: float, ended: float, kind: str = "worker killed") -> Fault:
    return Fault(kind, "worker 1", begun, ended)


def after(seconds: float) -> datetime:
    return ASKED + timedelta(seconds=seconds)


def test_recovery_ends_with_the_first_cycle_of_a_tick_that_was_produced_after_the_fault() -> None:
    ticks = [(9.0, 14.0), (15.0, 16.5), (17.0, 17.2)]
    assert recoveries([fault(8.0, 10.0)], ticks) == [Recovery("worker killed", 6.5, alone=True)]


def test_a_fault_without_a_tick_after_it_says_nothing() -> None:
    assert recoveries([fault(8.0, 10.0)], [(9.0, 14.0)]) == []


@pytest.mark.parametrize(
    ("other", "alone"), [((1.0, 7.9), True), ((1.0, 8.1), False), ((16.4, 20.0), False), ((16.6, 20.0), True)]
)
def test_another_fault_before_the_cycle_disturbs(other: tuple[float, float], alone: bool) -> None:
    found = recoveries([fault(8.0, 10.0), fault(*other, kind="users locked")], [(15.0, 16.5)])
    assert found[0].alone is alone


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0.01, 1))
def test_a_quantile_is_the_smallest_value_that_enough_values_do_not_exceed(values: list[float], part: float) -> None:
    found = quantile(values, part)
    assert sum(value <= found for value in values) >= part * len(values)
    assert sum(value < found for value in values) < part * len(values)


def test_a_hand_over_is_done_when_the_last_shard_has_a_new_owner() -> None:
    taken = [(1, after(-5)), (0, after(2)), (1, after(1)), (1, after(9)), (2, after(20))]
    assert seconds_until_taken(ASKED, {0, 1}, taken) == 2


@pytest.mark.parametrize("taken", [[], [(0, after(1))], [(0, after(1)), (1, after(31))]])
def test_shards_that_nobody_took_make_no_hand_over(taken: list[tuple[int, datetime]]) -> None:
    assert seconds_until_taken(ASKED, {0, 1}, taken) is None


def test_rounds_add_up() -> None:
    report = Report(seed=7, command="the command")
    for _ in range(2):
        report.add(played(), judgement(), seconds=60)
    assert report.injected == {"worker killed": 2, "users locked": 2}
    assert report.checked["messages"] == 2_000
    assert report.kills_in_time(alone=False) == (2, 2)
    assert report.sound


def test_a_finding_is_a_defect_and_says_after_how_many_faults() -> None:
    report = Report(seed=7, command="the command")
    report.add(played(), judgement(), seconds=60)
    bad = judgement()
    bad.note("I2", "repeated", "message 5 is there twice")
    report.add(played(), bad, seconds=60)
    assert not report.sound
    assert report.first_defect_after_faults == 4
    assert "| **repeated** | **1** |" in markdown(report)
    assert report.defects == ["round 2, I2: repeated: message 5 is there twice"]


def test_trouble_without_a_judgement_is_a_defect() -> None:
    report = Report(seed=7, command="the command")
    report.add(Played(trouble=["worker-1 ended by itself"]), None, seconds=60)
    assert not report.sound


def test_a_section_shows_every_kind_that_occurred_and_replaces_the_former_one() -> None:
    report = Report(seed=7, command="the command")
    report.add(played(), judgement(), seconds=60)
    text = section("alone", markdown(report))
    assert "| worker killed | 1 | 2.0 | 2.0 | 2.0 | 1 | 2.0 |" in text
    assert "| **lost** | **0** |" in text
    assert "worker stopped" not in text
    others, (begin, end) = section("soak", markdown(report)), markers("alone")
    document = f"# Reliability\n\n{others}\n{begin}\nold\n{end}\n\nmore\n"
    assert replaced(document, "alone", markdown(report)) == f"# Reliability\n\n{others}\n{text}\nmore\n"
    figures = json.loads(json.dumps(as_json(report)))
    assert figures["sound"] is True
    assert figures["injected"] == {"worker killed": 1, "users locked": 1}


def test_a_document_without_a_place_for_the_section_is_refused() -> None:
    with pytest.raises(ValueError, match="no place"):
        replaced("# Reliability\n", "soak", "text")


def played() -> Played:
    return Played(
        ticks=[(10.5, 12.0), (30.0, 31.0)],
        faults=[fault(10.0, 10.0), fault(25.0, 29.0, kind="users locked")],
        missed=Counter({"worker stopped": 1}),
        hand_overs=[1.0],
        stops=[0.5],
    )


def judgement() -> Judgement:
    return Judgement(
        checked=Counter({"messages": 1_000}), slopes={"worker-0-0": {"memory": 1024.0 * 1024, "descriptors": 0.0}}
    )
