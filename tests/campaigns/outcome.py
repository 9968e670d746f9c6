"""What every campaign gives back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """``differences`` from what was promised, each a sentence; ``figures`` worth printing, by name."""

    differences: Sequence[str]
    figures: Mapping[str, object]
