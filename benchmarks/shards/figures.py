"""What was measured of many shards, as it is kept in a file."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.meters import Cpu


@dataclass(frozen=True, slots=True)
class Move:
    """A process came or went, once. All times are seconds.

    From its start, or from the signal: ``process`` until it began to join the group or, where it ended in order, had
    left it (None: it was killed); ``assigned`` until each living process had heard which shards are its own; ``owned``
    until each shard had its owner. ``idle``: of each shard that moved, how long nobody worked for it.
    """

    round: int
    case: str
    shards: int
    process: float | None
    assigned: float
    owned: float
    idle: Sequence[float]


@dataclass(frozen=True, slots=True)
class Footprint:
    """One process that owns so many shards, once.

    The most memory that it had held, in MB: ``activity`` when the stream was taken in, ``everybody`` after a tick at
    which everybody was due. Seconds from the produce of a tick until it had ended: ``first_tick``; ``small_ticks``,
    those after it, at which a few were due as well; ``last_tick``, that of everybody, which took so much ``cpu``.
    """

    round: int
    shards: int
    users: int
    activity: float
    everybody: float
    first_tick: float
    small_ticks: Sequence[float]
    last_tick: float
    cpu: Cpu
