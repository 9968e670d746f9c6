"""The parts of the work, each all by itself: what nobody who does all of it can be faster than."""

from benchmarks.floors.measuring import measure_floors
from benchmarks.floors.sizes import FULL, Sizes

__all__ = ["FULL", "Sizes", "measure_floors"]
