"""Which ticks count: the verdicts that every shard obeys."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.events import Tick


class Verdict(StrEnum):
    """What becomes of one record of the tick topic."""

    USABLE = "usable"
    STALE = "stale"
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True)
class JudgedTick:
    """One record of the tick topic and its verdict. ``tick`` is None exactly for an unusable one."""

    offset: int
    verdict: Verdict
    tick: Tick | None


@dataclass(frozen=True, slots=True)
class UsableTick:
    """A tick that is to be evaluated or coalesced by every shard, at its offset in the tick topic."""

    offset: int
    tick: Tick


def judge_ticks(
    records: Iterable[tuple[int, Tick | None]], latest: datetime | None
) -> tuple[list[JudgedTick], datetime | None]:
    """Judge records in the order of their offsets, given the greatest usable time before them.

    None stands for a record that can't be read. A tick is stale when its time is not later than that of a usable one
    before it. Returns the verdicts and the greatest usable time after them.
    """
    verdicts = []
    for offset, tick in records:
        if tick is None:
            verdicts.append(JudgedTick(offset, Verdict.UNUSABLE, None))
        elif latest is not None and tick.at <= latest:
            verdicts.append(JudgedTick(offset, Verdict.STALE, tick))
        else:
            verdicts.append(JudgedTick(offset, Verdict.USABLE, tick))
            latest = tick.at
    return verdicts, latest
