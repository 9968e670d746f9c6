"""The state in the course of a fault run, and its workers: never back, soon up to date, no leak, the right end."""

import json

import pytest

from tests.fault.soak.checker.evidence import Standing
from tests.fault.soak.checker.history import (
    Exit,
    Fault,
    Sample,
    ShardState,
    Snapshot,
    UserState,
)
from tests.fault.soak.checker.judgement import Judgement
from tests.fault.soak.checker.standing import judge_catching_up, judge_monotony, judge_offsets, quiet_times
from tests.fault.soak.checker.stored import ShardRow, Tables
from tests.fault.soak.checker.workers import Growth, judge_exits, judge_growth


def snapshot(
    at: float, position: int = 10, *, committed: int = 5, end: int = 10, epoch: int = 3, user: UserState | None = None
) -> Snapshot:
    state = ShardState(0, epoch, position, 4, 7, 7)
    return Snapshot(at, at, {0: committed}, {0: end}, (state,), (user or UserState("u", 0, 100, 50),))


LATER, EARLIER = UserState("u", 0, 100, 50), UserState("u", 0, 90, 50)
CRASH = [Fault("postgres killed", "postgres", 1.0, 2.0, loses_commits=True)]
CUT = [Fault("kafka cut", "link 0", 1.0, 2.0)]


@pytest.mark.parametrize(
    ("after", "faults", "number"),
    [
        (snapshot(3, 11), [], 0),
        (snapshot(3, 9), [], 1),
        (snapshot(3, 9), CUT, 1),
        (snapshot(3, 9, user=EARLIER), CRASH, 0),
        (snapshot(3, 10, user=EARLIER), CRASH, 1),
        (snapshot(3, 9, epoch=2), CRASH, 1),
        (snapshot(3, user=UserState("u", 0, 100, None)), CRASH, 1),
        (snapshot(3, user=UserState("u", 0, 100, 49)), [], 1),
        (snapshot(3, user=UserState("other", 0, 100, 49)), [], 1),
    ],
)
def test_the_state_goes_back_only_where_postgres_lost_asynchronous_commits(
    after: Snapshot, faults: list[Fault], number: int
) -> None:
    judgement = Judgement()
    judge_monotony([snapshot(0), after], faults, judgement)
    assert judgement.invariants["I5"].number == number


def standing(position: int, committed: int) -> Standing:
    row = ShardRow(0, position, 0, 0, 0, 0, None, None)
    return Standing(Tables([], [row], [], [], [], 0, 0), {0: committed}, {}, [])


def test_the_groups_offset_may_be_ahead_only_until_what_was_lost_is_read_again() -> None:
    history = [snapshot(0, 10, committed=10), snapshot(3, 8, committed=10), snapshot(4, 9, committed=10)]
    for faults, committed, number in ((CRASH, 12, 0), ([], 12, 2), (CRASH, 13, 1)):
        judgement = Judgement()
        judge_offsets(history, faults, standing(12, committed), judgement)
        assert judgement.invariants["I6"].number == number
    judgement = Judgement()
    judge_offsets(
        [*history, snapshot(5, 10, committed=10), snapshot(6, 9, committed=10)], CRASH, standing(12, 12), judgement
    )
    assert judgement.invariants["I6"].number == 1


def test_what_waited_has_to_be_taken_in_within_the_time_after_the_last_heal() -> None:
    slow = [snapshot(at, 10, end=20 + int(at)) for at in range(3, 40)]
    for snapshots, number in (
        ([*slow, snapshot(41, 90)], 1),
        ([*slow[:8], snapshot(11.5, 23), *slow[9:]], 0),
        ([*slow[:8], snapshot(11.5, 22), *slow[9:]], 1),
        ([snapshot(41, 90, end=0)], 1),
        (slow[:5], 0),
    ):
        judgement = Judgement()
        judge_catching_up(snapshots, CUT, 10, judgement)
        assert judgement.invariants["I8"].number == number, len(snapshots)


def test_it_is_quiet_when_all_faults_are_healed() -> None:
    faults = [Fault("f", "t", *times) for times in ((5.0, 6.0), (1.0, 3.0), (2.0, 2.5), (6.0, 8.0), (9.0, 10.0))]
    assert quiet_times(faults) == [(3, 5), (8, 9), (10, float("inf"))]
    assert quiet_times([*faults, Fault("f", "t", 11.0, None)]) == [(3, 5), (8, 9), (10, 11)]
    assert quiet_times([]) == []


def life(seconds: int, gain: float, *, descriptors: int = 20) -> list[Sample]:
    noise = [0, 900_000, -700_000, 200_000]
    memory = [100_000_000 + int(gain * at) + noise[at // 5 % 4] for at in range(0, seconds, 5)]
    return [Sample("w", at * 5.0, value, descriptors + at * 5 // 60 * (gain > 5e6)) for at, value in enumerate(memory)]


def test_growth_of_a_long_lived_worker_is_a_leak() -> None:
    for samples, kinds in ((life(3600, 1000), {}), (life(3600, 20_000), {"leak": 1}), (life(300, 20_000), {})):
        judgement = Judgement()
        judge_growth(samples, Growth(memory=48e6, descriptors=10, least_seconds=600), judgement)
        assert judgement.kinds == kinds
        assert bool(judgement.slopes) == (len(samples) > 100)


@pytest.mark.parametrize(
    ("seconds", "gained_per_minute", "leaks"),
    [(3600, 1, True), (3600, 0.1, False), (650, 1, False), (650, 2, True)],
)
def test_descriptors_that_are_gained_are_a_leak_and_those_that_come_and_go_are_none(
    seconds: int, gained_per_minute: float, leaks: bool
) -> None:
    judgement = Judgement()
    samples = [Sample("w", at, 1, 20 + int(at * gained_per_minute / 60)) for at in range(0, seconds, 5)]
    judge_growth(samples, Growth(), judgement)
    assert judgement.slopes["w"]["descriptors"] == pytest.approx(60 * gained_per_minute, rel=0.15)
    assert judgement.kinds == ({"leak": 1} if leaks else {})


ERROR = json.dumps({"level": "error", "event": "stuck", "reason": "no progress"})


@pytest.mark.parametrize(
    ("ended", "number"),
    [
        (Exit("w", 0, (0,), "", ()), 0),
        (Exit("w", -9, (-9,), "cut o", ()), 0),
        (Exit("w", 1, (0,), "Traceback", ()), 1),
        (Exit("w", 4, (4,), ERROR, ()), 0),
        (Exit("w", 4, (4,), '{"level": "info", "event": "batch_committed"}', ()), 1),
        (Exit("w", 4, (4,), "Traceback", ()), 1),
        (Exit("w", 0, (0,), "", ("w said: Traceback",)), 1),
    ],
)
def test_a_worker_ends_as_expected_and_says_why(ended: Exit, number: int) -> None:
    judgement = Judgement()
    judge_exits([ended], judgement)
    assert judgement.kinds["exit"] == number
