"""What the workers' logs tell about a group that never rests: its generations, and who kept which shard through them.

A generation is one distribution of the shards: each member learns its share at about the same moment.
"""

import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.harness.deployment import Worker

_NOT_HELD = ("shard_lost", "shard_interrupted")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a worker's log."""

    worker: str
    at: datetime
    entry: dict[str, Any]

    @property
    def event(self) -> str:
        return str(self.entry["event"])


@dataclass(slots=True)
class Generation:
    """From the first member's assignment to the first one of the next generation, with all commits in between.

    ``owned``: for each member that stood by its share, since when it owned some of it, kept or taken over.
    ``lived``, ``worked``: how long, in seconds, some member was there at all, and owned something.
    """

    begun: datetime
    shares: dict[str, set[int]] = field(default_factory=dict)
    owned: dict[str, datetime] = field(default_factory=dict)
    lived: float = 0.0
    worked: float = 0.0
    commits: int = 0

    def takes(self, worker: str, shards: set[int]) -> bool:
        """Whether this share can be one of the same distribution."""
        return worker not in self.shares and all(shards.isdisjoint(others) for others in self.shares.values())

    def end(self, following: datetime, gone: Mapping[str, datetime], commits: Sequence[datetime]) -> None:
        """Reckon, when the next generation and the moments at which workers were asked to leave or died are known."""
        ends = {worker: min(following, gone.get(worker, following)) for worker in self.shares}
        self.lived = _longest((self.begun, end) for end in ends.values())
        self.worked = _longest((since, ends[worker]) for worker, since in self.owned.items())
        self.commits = bisect_left(commits, following) - bisect_left(commits, self.begun)


def _longest(spans: Iterable[tuple[datetime, datetime]]) -> float:
    return max(((end - begin).total_seconds() for begin, end in spans), default=0.0)


@dataclass(frozen=True, slots=True)
class Kept:
    """How often a worker kept a shard through a rebalance, and when it raised that shard's epoch all the same.

    ``excused``: it had lost the shard to another one, or was interrupted. ``for_nothing``: it had not, each a sentence.
    """

    times: int
    excused: int
    for_nothing: list[str]


def lines_of(workers: Iterable[Worker]) -> list[Line]:
    """The whole lines of all logs, in the order of their times."""
    lines = [
        Line(worker.name, datetime.fromisoformat(entry["timestamp"]), entry)
        for worker in workers
        for text in worker.log.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        if text.startswith("{") and text.endswith("\n")
        for entry in [json.loads(text)]
    ]
    return sorted(lines, key=lambda line: line.at)


def generations_of(
    lines: Sequence[Line], commits: Sequence[datetime], end: datetime, gone: Mapping[str, datetime]
) -> list[Generation]:
    """The generations up to ``end``. ``commits`` are in order; ``gone``: when workers were asked to leave or died."""
    found: list[Generation] = []
    holding: dict[str, set[int]] = {}
    for line in lines:
        if line.at >= end:
            break
        held = holding.setdefault(line.worker, set())
        if line.event == "shards_assigned":
            shards = set(line.entry["shards"])
            if not found or not found[-1].takes(line.worker, shards):
                found.append(Generation(line.at))
            found[-1].shares[line.worker] = shards
        _note_holding(held, line)
        if found and held and line.worker in found[-1].shares:
            found[-1].owned.setdefault(line.worker, line.at)
    for generation, following in zip(found, [*(other.begun for other in found[1:]), end], strict=True):
        generation.end(following, gone, commits)
    return found


def _note_holding(held: set[int], line: Line) -> None:
    """Keep up to date which shards the line's worker owns."""
    if line.event == "shards_assigned":
        held &= set(line.entry["shards"])
    elif line.event == "shard_taken_over":
        held.add(line.entry["shard"])
    elif line.event in _NOT_HELD:
        held.discard(line.entry["shard"])


def kept_shards(lines: Sequence[Line]) -> Kept:
    """What it cost to keep a shard. A second take-over without a cause in between would be such a cost."""
    shares: dict[str, set[int]] = {}
    # Of each worker and shard that it holds: whether it has taken it over, and has had no reason to do so again.
    sound: dict[tuple[str, int], bool] = {}
    times, excused, for_nothing = 0, 0, []
    for line in lines:
        if line.event == "shards_assigned":
            before, now = shares.get(line.worker, set()), set(line.entry["shards"])
            times += len(before & now)
            for shard in before - now:
                sound.pop((line.worker, shard), None)
            shares[line.worker] = now
        elif line.event in _NOT_HELD and (line.worker, line.entry["shard"]) in sound:
            sound[line.worker, line.entry["shard"]] = False
        elif line.event == "shard_taken_over":
            place = (line.worker, line.entry["shard"])
            if sound.get(place):
                for_nothing.append(f"{line.worker} took shard {place[1]} over again at {line.at} without a cause")
            elif place in sound:
                excused += 1
            sound[place] = True
    return Kept(times, excused, for_nothing)
