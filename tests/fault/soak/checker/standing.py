"""The state while the run went on, and at its end: never back, never behind what is committed, soon up to date.

One thing may go back: an asynchronous commit is lost when Postgres is killed. With it go a shard's position and what
the records behind that position said of its users, together or not at all: whoever is younger than before belongs to
a shard whose position is, too. Epochs, sequences, tick cursors and ``last_messaged`` are committed for good. Until such
a shard has read on, the group's offset may be ahead of it.
"""

from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise
from math import inf

from tests.fault.soak.checker.evidence import Standing
from tests.fault.soak.checker.history import Fault, ShardState, Snapshot
from tests.fault.soak.checker.judgement import Judgement

_DURABLE = ("epoch", "tick_cursor", "decided", "confirmed")


def judge_monotony(snapshots: Sequence[Snapshot], faults: Sequence[Fault], judgement: Judgement) -> None:
    """I5, from each snapshot to the next."""
    judgement.checked["snapshots"] += len(snapshots)
    for before, after in pairwise(snapshots):
        back = _judge_shards(before, after, forgotten=_forgot(before, after, faults), judgement=judgement)
        _judge_users(before, after, back, judgement)


def _judge_shards(before: Snapshot, after: Snapshot, *, forgotten: bool, judgement: Judgement) -> set[int]:
    """The shards whose position is less than before."""
    back = set()
    then = {state.shard: state for state in before.shards}
    for state in after.shards:
        for name, was, is_ in _gone_back(then.get(state.shard, state), state):
            if name == "position":
                back.add(state.shard)
            if name != "position" or not forgotten:
                judgement.note("I5", "wrong", f"{name} of shard {state.shard} went from {was} to {is_}")
    return back


def _judge_users(before: Snapshot, after: Snapshot, back: Collection[int], judgement: Judgement) -> None:
    now = {user.user_id: user for user in after.users}
    for was in before.users:
        is_ = now.get(was.user_id)
        if is_ is None:
            if was.shard not in back:
                judgement.note("I5", "lost", f"{was.user_id} was stored, and then no more")
            continue
        if (is_.last_messaged or -inf) < (was.last_messaged or -inf):
            what = f"from {was.last_messaged} to {is_.last_messaged}"
            judgement.note("I5", "wrong", f"last_messaged of {was.user_id} went {what}")
        if is_.last_active < was.last_active and was.shard not in back:
            what = f"from {was.last_active} to {is_.last_active}"
            judgement.note("I5", "wrong", f"last_active of {was.user_id} went {what}")


def judge_offsets(
    snapshots: Sequence[Snapshot], faults: Sequence[Fault], standing: Standing, judgement: Judgement
) -> None:
    """I6, in each snapshot and at the end."""
    excused: set[int] = set()
    before: Snapshot | None = None
    for snapshot in snapshots:
        forgotten = before is not None and _forgot(before, snapshot, faults)
        for state in snapshot.shards:
            committed = snapshot.committed.get(state.shard, -1)
            if forgotten:
                excused.add(state.shard)
            elif committed <= max(state.position, 0):
                excused.discard(state.shard)
            elif state.shard not in excused:
                _ahead(state.shard, committed, state.position, judgement)
        before = snapshot
    for row in standing.tables.shards:
        if standing.committed.get(row.shard, -1) > max(row.position, 0):
            _ahead(row.shard, standing.committed[row.shard], row.position, judgement)


def judge_catching_up(
    snapshots: Sequence[Snapshot], faults: Iterable[Fault], seconds: float, judgement: Judgement
) -> None:
    """I8: wherever everything is healed for so long, what lay in Kafka then is taken in within that time."""
    last = max((snapshot.ended for snapshot in snapshots), default=-inf)
    for begun, ended in quiet_times(faults):
        if min(ended, last) - begun < seconds:
            continue
        during = [one for one in snapshots if begun <= one.began and one.ended <= begun + seconds]
        ends = next((one.ends for one in during if one.ends), None)
        judgement.checked["heals followed"] += 1
        if ends is None:
            judgement.note(
                "I8", "late", f"nothing could be asked for {seconds:g} s after all was healed at {begun:.1f}"
            )
        elif not any(_reached(one.shards, ends) for one in during):
            judgement.note("I8", "late", f"{ends} was not reached {seconds:g} s after all was healed at {begun:.1f}")


def quiet_times(faults: Iterable[Fault]) -> list[tuple[float, float]]:
    """When no fault went on, from each heal to the next fault or for ever."""
    quiet: list[tuple[float, float]] = []
    healed: float | None = None
    for fault in sorted(faults, key=lambda fault: fault.begun):
        if healed is not None and fault.begun > healed:
            quiet.append((healed, fault.begun))
        healed = max(healed or -inf, inf if fault.ended is None else fault.ended)
    return [*quiet, (healed, inf)] if healed is not None and healed < inf else quiet


def _forgot(before: Snapshot, after: Snapshot, faults: Iterable[Fault]) -> bool:
    """Whether Postgres may have lost asynchronous commits between the two."""
    return any(
        fault.loses_commits and fault.begun <= after.ended and (fault.ended is None or fault.ended >= before.began)
        for fault in faults
    )


def _gone_back(before: ShardState, after: ShardState) -> list[tuple[str, int, int]]:
    pairs = [(name, getattr(before, name), getattr(after, name)) for name in (*_DURABLE, "position")]
    return [(name, was, is_) for name, was, is_ in pairs if is_ < was]


def _reached(shards: Iterable[ShardState], ends: dict[int, int]) -> bool:
    positions = {state.shard: max(state.position, 0) for state in shards}
    return all(positions.get(shard, 0) >= end for shard, end in ends.items())


def _ahead(shard: int, committed: int, position: int, judgement: Judgement) -> None:
    judgement.note(
        "I6", "wrong", f"the group's offset {committed} is ahead of the position {position} of shard {shard}"
    )
