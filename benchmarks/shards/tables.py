"""What was measured of many shards, as tables."""

from collections.abc import Iterator, Sequence

from benchmarks.results import Spread, cpu_seconds
from benchmarks.shards.figures import Footprint, Move
from benchmarks.shards.measuring import Shards
from benchmarks.shards.moving import KILLED


def shard_tables(measured: Shards) -> Iterator[str]:
    """Markdown: what moves shards, a row for each case, and what holding them takes, a row for each number of them."""
    yield from _moves(measured.moves, measured.session_timeout_seconds)
    yield ""
    yield from _footprints(measured.footprints)


def _moves(moves: Sequence[Move], session_timeout_seconds: float) -> Iterator[str]:
    yield (
        f"| {moves[0].shards} shards | seconds until each has its owner | until the second process joins, or has left"
        " | until each process knows its shards | nobody works for a shard that moves: seconds |"
    )
    yield "|---|---|---|---|---|"
    for case in dict.fromkeys(move.case for move in moves):
        own = [move for move in moves if move.case == case]
        said = f", session timeout {session_timeout_seconds:g} s" if case == KILLED else ""
        yield f"| {case}{said} {_move(own)}"


def _move(moves: Sequence[Move]) -> str:
    process = [move.process for move in moves if move.process is not None]
    return (
        f"| {_seconds([move.owned for move in moves])} | {_seconds(process) if process else '-'}"
        f" | {_seconds([move.assigned for move in moves])} | {_seconds([one for move in moves for one in move.idle])} |"
    )


def _footprints(footprints: Sequence[Footprint]) -> Iterator[str]:
    yield (
        "| one process | peak memory: activity is in | everybody was due | the first tick: seconds"
        " | a few are due | everybody is due | its CPU s: process + broker + Postgres |"
    )
    yield "|---|---|---|---|---|---|---|"
    for shards, users in sorted({(each.shards, each.users) for each in footprints}):
        own = [each for each in footprints if (each.shards, each.users) == (shards, users)]
        yield f"| {shards} shards, {users:,} users {_footprint(own)}"


def _footprint(own: Sequence[Footprint]) -> str:
    activity, everybody = max(each.activity for each in own), max(each.everybody for each in own)
    return (
        f"| {activity:.0f} MB | {everybody:.0f} MB | {_seconds([each.first_tick for each in own])}"
        f" | {_seconds([tick for each in own for tick in each.small_ticks])}"
        f" | {_seconds([each.last_tick for each in own])} | {cpu_seconds([each.cpu for each in own])} |"
    )


def _seconds(values: Sequence[float]) -> str:
    return Spread.of(values).text(digits=2)
