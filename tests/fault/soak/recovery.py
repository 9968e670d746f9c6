"""How long it takes after a fault until a tick is answered in full again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.fault.soak.checker.history import Fault

Tick = tuple[float, float]
"""When it was produced, and when its cycle was seen: monotonic seconds."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """``seconds``: from the end of the fault to the first cycle whose tick was produced after it.

    ``alone``: no other fault began, held or ended between the beginning of this one and that cycle.
    """

    kind: str
    seconds: float
    alone: bool


def recoveries(faults: Sequence[Fault], ticks: Iterable[Tick]) -> list[Recovery]:
    """Of all faults that were healed and followed by a tick; ticks in the order of their production."""
    ordered = list(ticks)
    found = []
    for fault in faults:
        seen = next((seen for produced, seen in ordered if fault.ended is not None and produced >= fault.ended), None)
        if seen is None or fault.ended is None:
            continue
        others = (other for other in faults if other is not fault)
        alone = not any(other.begun < seen and (other.ended or seen) > fault.begun for other in others)
        found.append(Recovery(fault.kind, seen - fault.ended, alone))
    return found


def quantile(values: Sequence[float], part: float) -> float:
    """The smallest value that at least this part of them does not exceed. Needs one value at least."""
    ordered = sorted(values)
    return ordered[max(0, -int(-part * len(ordered) // 1) - 1)]
