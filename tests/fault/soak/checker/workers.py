"""Workers from outside: what they hold on to while they live, and how they end."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

from tests.fault.soak.checker.history import Exit, Sample
from tests.fault.soak.checker.judgement import Judgement

_HOUR = 3600.0
# 200 samples make 20,000 pairs.
_MOST_SAMPLES = 200
_KILLED, _TERMINATED = -9, -15


@dataclass(frozen=True, slots=True)
class Growth:
    """What a worker may gain in an hour, and how long it must have lived to be judged; shorter lives say nothing.

    ``come_and_go``: so many descriptors more are none that were gained. Under faults a worker was seen with 20 to 43:
    connections end and are made anew, and a trend over ten minutes of that is up to four times what an hour allows.
    """

    memory: float = 48 * 1024 * 1024
    descriptors: float = 10
    come_and_go: float = 10
    least_seconds: float = 600


def judge_growth(samples: Iterable[Sample], allowed: Growth, judgement: Judgement) -> None:
    """I9, without the first quarter of each life, in which caches and pools fill."""
    lives: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        lives[sample.worker].append(sample)
    for worker, life in sorted(lives.items()):
        judgement.checked["samples"] += len(life)
        lived = life[-1].at - life[0].at
        settled = [sample for sample in life if sample.at >= life[0].at + lived / 4]
        if lived < allowed.least_seconds or len(settled) < 3:
            continue
        slopes = {
            "memory": _HOUR * slope([(sample.at, sample.memory) for sample in settled]),
            "descriptors": _HOUR * slope([(sample.at, sample.descriptors) for sample in settled]),
        }
        judgement.slopes[worker] = slopes
        hours = (settled[-1].at - settled[0].at) / _HOUR
        bounds = ("memory", allowed.memory, 0.0), ("descriptors", allowed.descriptors, allowed.come_and_go)
        for name, most, noise in bounds:
            if slopes[name] > most and slopes[name] * hours > noise:
                judgement.note(
                    "I9", "leak", f"{worker} gains {slopes[name]:,.0f} of {name} an hour, {most:,.0f} allowed"
                )


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The median of the slopes between any two points: a few outliers say nothing. Needs two different moments."""
    step = len(points) // _MOST_SAMPLES + 1
    pairs = combinations(points[::step], 2)
    return median((later - earlier) / (end - start) for (start, earlier), (end, later) in pairs if end > start)


def judge_exits(exits: Iterable[Exit], judgement: Judgement) -> None:
    """I10."""
    for ended in exits:
        judgement.checked["workers that ended"] += 1
        if ended.code not in ended.expected:
            what = f"{ended.worker} ended with {ended.code} instead of {ended.expected}: {ended.last_line}"
            judgement.note("I10", "exit", what)
        elif ended.code not in (0, _KILLED, _TERMINATED) and not _names_a_cause(ended.last_line):
            judgement.note(
                "I10", "exit", f"{ended.worker} ended with {ended.code}, and its log with {ended.last_line!r}"
            )
        for complaint in ended.complaints:
            judgement.note("I10", "exit", complaint)


def _names_a_cause(line: str) -> bool:
    try:
        entry = json.loads(line)
    except ValueError:
        return False
    return isinstance(entry, dict) and entry.get("level") in ("error", "critical") and bool(entry.get("event"))
