"""The parts of the work, each all by itself: less can't be expected of somebody who does one after the other."""

from benchmarks.floors.measuring import measure_floors
from benchmarks.floors.sizes import FULL, Sizes

__all__ = ["FULL", "Sizes", "measure_floors"]
