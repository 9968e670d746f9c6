"""When work without progress counts as a standstill, and what counts as work."""

from dataclasses import replace

import pytest

from consumer.watchdog import LOOKS, Standstill, has_work
from domain.ownership import ShardProgress

SHARD = ShardProgress(
    shard=3,
    epoch=7,
    position=10,
    tick_cursor=2,
    decided=5,
    confirmed=5,
    written="700",
    halted=False,
    unfinished=False,
    tick_waits=False,
)


def test_what_waits_unmoved_for_ten_looks_is_stuck() -> None:
    standstill = Standstill()
    looks = [standstill.look({"shard 3": SHARD, "the tick topic": 4}) for _ in range(LOOKS + 1)]
    assert looks == [[]] * LOOKS + [["shard 3", "the tick topic"]]


@pytest.mark.parametrize(
    "moved",
    [{"position": 11}, {"tick_cursor": 3}, {"decided": 6}, {"confirmed": 6}, {"written": "701"}],
    ids=lambda change: next(iter(change)),
)
def test_any_progress_begins_the_count_anew(moved: dict[str, int]) -> None:
    standstill = Standstill()
    for _ in range(LOOKS):
        assert standstill.look({"shard 3": SHARD}) == []
    further = replace(SHARD, **moved)  # type: ignore[arg-type]
    for _ in range(LOOKS):
        assert standstill.look({"shard 3": further}) == []
    assert standstill.look({"shard 3": further}) == ["shard 3"]


def test_being_taken_over_again_and_again_is_no_progress() -> None:
    standstill = Standstill()
    looks = [
        standstill.look({"shard 3": replace(SHARD, epoch=epoch, written=str(epoch))}) for epoch in range(LOOKS + 1)
    ]
    assert looks[-1] == ["shard 3"]


def test_work_that_was_done_meanwhile_is_forgotten() -> None:
    standstill = Standstill()
    for _ in range(LOOKS):
        standstill.look({"shard 3": SHARD})
    assert standstill.look({}) == []
    assert standstill.look({"shard 3": SHARD}) == []


def test_a_look_without_an_answer_begins_the_count_anew() -> None:
    standstill = Standstill()
    for _ in range(LOOKS):
        standstill.look({"the tick topic": 4})
    standstill.forget()
    assert standstill.look({"the tick topic": 4}) == []


@pytest.mark.parametrize(
    ("state", "stable_end", "end", "work"),
    [
        ({}, 10, 10, False),
        ({}, 11, 11, True),
        # Above the last stable offset lie records of an open transaction: nobody can read them yet.
        ({}, 10, 12, False),
        ({"unfinished": True}, 10, 10, True),
        ({"tick_waits": True}, 10, 10, True),
        ({"tick_waits": True}, 10, 12, False),
        ({"halted": True, "unfinished": True}, 11, 11, False),
    ],
)
def test_work_is_what_the_owner_could_do(state: dict[str, bool], stable_end: int, end: int, *, work: bool) -> None:
    assert has_work(replace(SHARD, **state), stable_end, end) is work  # type: ignore[arg-type]
