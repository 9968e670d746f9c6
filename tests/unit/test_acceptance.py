"""What accepting a halted shard does: the least that makes it workable."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.acceptance import Acceptance, HaltedShard, MarkerFinding, PositionFinding, acceptance
from tests.unit.builders import halted_shard

offsets = st.integers(0, 50)
sequences = st.integers(0, 12)


@st.composite
def halted_shards(draw: st.DrawFn) -> HaltedShard:
    confirmed, decided = sorted((draw(sequences), draw(sequences)))
    beginning, end = sorted((draw(offsets), draw(offsets)))
    return HaltedShard(
        shard=draw(st.integers(0, 3)),
        position=draw(st.integers(-1, 50)),
        confirmed=confirmed,
        decided=decided,
        outbox=draw(st.frozensets(st.integers(1, 15))),
        marker=draw(st.none() | sequences),
        beginning=beginning,
        end=end,
    )


def afterwards(shard: HaltedShard, change: Acceptance) -> HaltedShard:
    """The shard once it was accepted."""
    outbox = (shard.outbox | set(change.holes)) - set(change.strays)
    return replace(shard, marker=change.marker, position=change.position, outbox=outbox)


@given(halted_shards())
def test_a_worker_can_take_the_shard_afterwards(shard: HaltedShard) -> None:
    after = afterwards(shard, acceptance(shard))
    assert after.marker_finding is MarkerFinding.FITS
    assert after.position_finding is PositionFinding.WITHIN
    assert after.outbox == set(range(shard.confirmed + 1, shard.decided + 1))


@given(halted_shards())
def test_to_accept_twice_changes_nothing_more(shard: HaltedShard) -> None:
    change = acceptance(shard)
    assert acceptance(afterwards(shard, change)) == replace(change, holes=(), strays=())


@given(halted_shards())
def test_no_entry_that_waits_is_dropped_or_passed_over_without_a_marker_that_says_so(shard: HaltedShard) -> None:
    change = acceptance(shard)
    waiting = {sequence for sequence in shard.outbox if shard.confirmed < sequence <= shard.decided}
    assert not waiting & set(change.strays)
    passed_over = {sequence for sequence in waiting if sequence <= change.marker}
    assert not passed_over or change.marker == shard.marker


@pytest.mark.parametrize(
    ("marker", "finding", "after"),
    [
        (9, MarkerFinding.BEHIND, 10),
        (0, MarkerFinding.BEHIND, 10),
        (10, MarkerFinding.FITS, 10),
        (11, MarkerFinding.FITS, 11),
        (12, MarkerFinding.FITS, 12),
        (13, MarkerFinding.AHEAD, 10),
        (None, MarkerFinding.UNREADABLE, 10),
    ],
)
def test_a_marker_that_fits_is_kept_and_any_other_gives_way_to_what_is_confirmed(
    marker: int | None, finding: MarkerFinding, after: int
) -> None:
    shard = halted_shard(confirmed=10, decided=12, outbox=frozenset({11, 12}), marker=marker)
    assert shard.marker_finding is finding
    assert acceptance(shard).marker == after


@pytest.mark.parametrize(
    ("position", "finding", "after"),
    [
        (-1, PositionFinding.WITHIN, -1),
        (99, PositionFinding.GONE, 100),
        (0, PositionFinding.GONE, 100),
        (100, PositionFinding.WITHIN, 100),
        (150, PositionFinding.WITHIN, 150),
        (151, PositionFinding.BEYOND, 100),
    ],
)
def test_a_position_outside_the_log_gives_way_to_its_beginning(
    position: int, finding: PositionFinding, after: int
) -> None:
    shard = halted_shard(position=position, beginning=100, end=150)
    assert shard.position_finding is finding
    assert acceptance(shard).position == after


def test_lost_entries_leave_empty_ones_and_foreign_ones_go() -> None:
    change = acceptance(halted_shard(confirmed=10, decided=14, outbox=frozenset({9, 10, 12, 15, 16}), marker=10))
    assert (change.holes, change.strays) == ((11, 13, 14), (9, 10, 15, 16))
