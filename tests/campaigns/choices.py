"""What each shard did with each tick, from the lines that its owners log when they choose one.

An owner evaluates the tick that it chose and coalesces the usable ones from its cursor up to that. One that dies
before its first chunk is committed has chosen in vain: its successor chooses again from the same cursor, and what that
one says of a tick counts. A tick whose first chunk was committed lies below the cursor, so nobody says more of it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from tests.harness.deployment import Worker
from tests.oracle import Thresholds


@dataclass(frozen=True, slots=True)
class Choice:
    """An owner's choice: the tick at ``offset``, leaving out those from ``first`` on; its own ``thresholds`` count."""

    shard: int
    epoch: int
    logged_at: str
    first: int
    offset: int
    thresholds: Thresholds


class Choices:
    """What counts of all choices; also a ``Treatment``."""

    def __init__(self, choices: Iterable[Choice]) -> None:
        self.treated: dict[tuple[int, int], Thresholds | None] = {}
        """By tick offset and shard; None: coalesced. Offsets of stale and unusable ticks occur too."""
        for choice in sorted(choices, key=lambda choice: (choice.epoch, choice.logged_at)):
            for offset in range(choice.first, choice.offset):
                self.treated[offset, choice.shard] = None
            self.treated[choice.offset, choice.shard] = choice.thresholds

    def __call__(self, offset: int, shard: int) -> Thresholds | None:
        """Raises LookupError when the shard's owners never said what they did with the tick."""
        if (offset, shard) not in self.treated:
            raise LookupError(f"shard {shard} neither chose nor coalesced the tick at {offset}")
        return self.treated[offset, shard]

    def evaluating(self, offset: int, shards: Collection[int]) -> list[int]:
        """Which of the shards evaluated the tick."""
        return [shard for shard in shards if self(offset, shard) is not None]


def choices_of(workers: Iterable[Worker], thresholds: Mapping[str, Thresholds]) -> Choices:
    """What these workers, dead or alive, said; ``thresholds`` by their names."""
    return Choices(
        Choice(
            line["shard"],
            line["epoch"],
            line["timestamp"],
            line["coalesced_from"],
            line["offset"],
            thresholds[worker.name],
        )
        for worker in workers
        for line in worker.events("tick_chosen")
    )
