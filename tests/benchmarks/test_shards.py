"""Shards are measured until each has its owner, by what the processes say and what is stored."""

from datetime import UTC, datetime, timedelta

from benchmarks.services import Services
from benchmarks.shards.accounts import account_of, risen, settled, taken_at
from benchmarks.shards.measuring import Sizes, measure_shards
from benchmarks.shards.moving import JOINS, KILLED, STOPPED
from benchmarks.shards.tables import shard_tables
from benchmarks.streams import Stream

SMALL = Sizes(
    moving=Stream("moving", users=400, events=800, partitions=8),
    held=(Stream("held", users=300, events=600), Stream("held", users=300, events=600, partitions=8)),
    # The least that the broker takes.
    session_timeout_seconds=6.0,
)
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


async def test_shards_move_and_are_held(benched: Services) -> None:
    measured = await measure_shards(benched, SMALL, rounds=1)
    assert [move.case for move in measured.moves] == [JOINS, STOPPED, JOINS, KILLED]
    for move in measured.moves:
        assert (move.shards, len(move.idle)) == (8, 4)
        assert 0 <= max(move.idle) <= move.owned
        assert (move.process or 0) < move.assigned <= move.owned
    *_, killed = measured.moves
    assert killed.process is None
    # The last heartbeat may have been a second before the kill.
    assert killed.owned > SMALL.session_timeout_seconds - 1.5
    assert [each.shards for each in measured.footprints] == [4, 8]
    for each in measured.footprints:
        assert 0 < each.activity <= each.everybody
        assert min(each.first_tick, each.last_tick, *each.small_ticks) > 0
    moves, footprints = "\n".join(shard_tables(measured)).split("\n\n")
    assert [row.count("|") for row in moves.splitlines()] == [6] * (2 + 3)
    assert [row.count("|") for row in footprints.splitlines()] == [8] * (2 + 2)


def line(seconds: float, event: str, more: str = "") -> bytes:
    at = (BEGINNING + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    return f'{{{more}"event": "{event}", "level": "info", "timestamp": "{at}"}}\n'.encode()


def assigned(seconds: float, shards: list[int]) -> bytes:
    return line(seconds, "shards_assigned", f'"shards": {shards}, ')


def taken(seconds: float, shard: int, epoch: int) -> bytes:
    return line(seconds, "shard_taken_over", f'"shard": {shard}, "epoch": {epoch}, "position": -1, ')


FIRST = line(1, "service_started") + assigned(2, [0, 1]) + taken(3, 0, 1) + taken(4, 1, 1)
SECOND = line(11, "service_started") + assigned(12, [1])


def test_an_account_leaves_out_what_is_no_line_of_its_own() -> None:
    log = FIRST + line(5, "batch_committed", '"shard": 0, ') + b"Traceback\n" + taken(6, 1, 2).rstrip(b"\n")
    account = account_of(log)
    assert account == account_of(FIRST)
    assert account.started == BEGINNING + timedelta(seconds=1)
    assert account.stopped is None
    assert taken_at([account], {0: 1, 1: 1}, [1]) == {1: BEGINNING + timedelta(seconds=4)}


def test_shards_are_settled_when_each_is_held_by_whom_it_was_given_to() -> None:
    since = BEGINNING + timedelta(seconds=10)
    before, after = {0: 1, 1: 1}, {0: 1, 1: 2}
    first, second = account_of(FIRST), account_of(SECOND)
    assert settled([first], before, BEGINNING)
    # Nobody has heard of anything since then, or the first one has not.
    assert not settled([first], before, since)
    assert not settled([first, second], before, since)
    heard = account_of(FIRST + assigned(12, [0]))
    assert not settled([heard, account_of(b"")], before, since)
    assert not settled([heard, second], before, since)
    assert not settled([heard, second], after, since)
    assert settled([heard, account_of(SECOND + taken(13, 1, 2))], after, since)
    assert risen(before, after) == {1}


def test_shards_are_not_settled_while_two_hold_one_or_nobody_does() -> None:
    first, second = account_of(FIRST), account_of(SECOND + taken(13, 1, 2))
    assert not settled([first, second], {0: 1, 1: 2}, BEGINNING)
    assert not settled([second], {0: 1, 1: 2}, BEGINNING)
