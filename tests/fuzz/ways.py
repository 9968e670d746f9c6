"""Which ways a case takes through the codec, to keep no more cases than there are ways."""

import sys
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from tests.fuzz.cases import read_case
from tests.fuzz.properties import decoded, judge

Way = tuple[str, int, int, str]
"""A file, two lines that were run one after the other, and what became of the case."""

_WATCHED = "/adapters/codec/"


def ways(case: bytes) -> frozenset[Way]:
    """Every step from line to line within the codec."""
    read, steps = read_case(case), set[tuple[str, int, int]]()

    def watch(frame: FrameType, _event: str, _argument: Any) -> Callable[..., Any] | None:
        if _WATCHED not in frame.f_code.co_filename:
            return None
        before = frame.f_lineno

        def step(frame: FrameType, _event: str, _argument: Any) -> Any:
            nonlocal before
            steps.add((frame.f_code.co_filename, before, frame.f_lineno))
            before = frame.f_lineno
            return step

        return step

    traced = sys.gettrace()
    sys.settrace(watch)
    try:
        outcome = decoded(read)
        judge(read, outcome)
    finally:
        sys.settrace(traced)
    kind = f"{read.target} {getattr(outcome, 'detail', type(outcome).__name__)}"
    return frozenset((*step, kind) for step in steps)


def fewest(cases: Iterable[bytes], known: Iterable[bytes]) -> list[bytes]:
    """Of the cases, short ones first, those that take ways that none before took, nor any known one."""
    taken = set[Way]().union(*map(ways, known))
    chosen = []
    for case in sorted(cases, key=len):
        new = ways(case) - taken
        if new:
            taken |= new
            chosen.append(case)
    return chosen
