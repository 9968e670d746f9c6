"""The schedule of a soak: drawn from its seed alone, with room to recover, and nothing twice at the same place."""

import itertools
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fault.soak.kinds import KIND_NAMES, KINDS, Kind
from tests.fault.soak.nemesis import STRIKES
from tests.fault.soak.running import periods_of_rounds
from tests.fault.soak.schedule import PERIOD_SECONDS, QUIET_SECONDS, PlannedFault, draw_schedule

BY_NAME = {kind.name: kind for kind in KINDS}
seeds = st.integers(0, 10**6).map(str)
periods = st.integers(1, 6)


@given(seeds, periods)
def test_the_same_seed_gives_the_same_schedule(seed: str, number: int) -> None:
    assert draw_schedule(seed, number) == draw_schedule(seed, number)


def test_another_seed_gives_another_schedule() -> None:
    assert draw_schedule("1", 3) != draw_schedule("2", 3)


@given(seeds, periods)
def test_the_last_quarter_of_each_period_is_quiet(seed: str, number: int) -> None:
    for fault in draw_schedule(seed, number):
        period = fault.begins // PERIOD_SECONDS
        assert fault.ends <= (period + 1) * PERIOD_SECONDS - QUIET_SECONDS + 0.02


@given(seeds, periods)
def test_faults_of_one_lane_do_not_overlap(seed: str, number: int) -> None:
    lanes: dict[str, list[PlannedFault]] = defaultdict(list)
    for fault in draw_schedule(seed, number):
        lanes[BY_NAME[fault.kind].lane.format(target=fault.target)].append(fault)
    for faults in lanes.values():
        for earlier, later in itertools.pairwise(faults):
            assert earlier.ends < later.begins


@given(seeds)
def test_only_workers_that_may_be_killed_are(seed: str) -> None:
    ended = {"worker killed", "worker killed at a step", "worker stopped"}
    targets = {fault.target for fault in draw_schedule(seed, 5) if fault.kind in ended}
    assert targets == {"worker 1", "worker 2"}


@given(seeds)
def test_each_kind_occurs_within_five_periods(seed: str) -> None:
    assert {fault.kind for fault in draw_schedule(seed, 5)} == set(KIND_NAMES)


@given(seeds)
def test_in_each_fifth_period_faults_come_one_at_a_time(seed: str) -> None:
    fifth = [fault for fault in draw_schedule(seed, 5) if fault.begins >= 4 * PERIOD_SECONDS]
    assert len(fifth) >= 2
    assert all(later.begins - earlier.ends > 6 for earlier, later in itertools.pairwise(fifth))


@given(seeds)
def test_kinds_that_are_asked_for_alone_come_one_at_a_time(seed: str) -> None:
    faults = draw_schedule(seed, 3, ["worker killed", "worker stopped"])
    assert {fault.kind for fault in faults} == {"worker killed", "worker stopped"}
    assert len(faults) > 9
    assert all(later.begins - earlier.ends > 6 for earlier, later in itertools.pairwise(faults))


def test_in_other_periods_faults_overlap() -> None:
    faults = draw_schedule("1", 4)
    assert any(later.begins < earlier.ends for earlier, later in itertools.pairwise(faults))


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_an_hour_has_room_for_a_thousand_faults_and_a_tenth_that_hit_nobody(seed: str) -> None:
    planned = sum(
        len(draw_schedule(f"{seed}/{number}", length)) for number, length in enumerate(periods_of_rounds(60), 1)
    )
    assert planned > 1_100


def test_every_kind_of_fault_can_be_done() -> None:
    assert set(STRIKES) == set(KIND_NAMES)
    assert len(set(KIND_NAMES)) == len(KIND_NAMES)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "worker paused" in kind.name], ids=lambda kind: kind.name)
def test_pauses_say_truly_whether_they_outlast_the_session(kind: Kind) -> None:
    shortest, longest = kind.seconds
    assert longest < 3 if "within" in kind.name else shortest > 3


@pytest.mark.parametrize(
    ("minutes", "rounds"),
    [(0.1, [1]), (3, [4]), (10, [12]), (10.4, [13]), (20, [13, 12]), (60, [13, 13, 13, 12, 12, 12])],
)
def test_rounds_take_about_ten_minutes(minutes: float, rounds: list[int]) -> None:
    assert periods_of_rounds(minutes) == rounds


def test_a_round_may_be_as_long_as_a_worker_is_to_live() -> None:
    assert periods_of_rounds(60, round_minutes=60) == [75]
    assert periods_of_rounds(60, round_minutes=40) == [38, 37]
    assert periods_of_rounds(2, round_minutes=0) == [1, 1]
