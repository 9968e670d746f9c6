"""How long it takes until others own what a worker that was stopped has left, by the workers' logs."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from tests.harness.deployment import Worker

# A shard that nobody has taken within that time was taken by somebody else's death, not by this stop.
_MOST = timedelta(seconds=30)


def hand_over_seconds(leaving: Worker, asked: datetime, workers: Iterable[Worker]) -> float | None:
    """From the request to stop until the last of its shards has a new owner; None when it owned none."""
    assigned = [event for event in leaving.events("shards_assigned") if _at(event) <= asked]
    shards = set(assigned[-1]["shards"]) if assigned else set()
    taken = [
        (event["shard"], _at(event))
        for worker in workers
        if worker is not leaving
        for event in worker.events("shard_taken_over")
    ]
    return seconds_until_taken(asked, shards, taken)


def seconds_until_taken(asked: datetime, shards: set[int], taken: Sequence[tuple[int, datetime]]) -> float | None:
    """From ``asked`` until the last of the shards was taken over for the first time after it."""
    first: dict[int, datetime] = {}
    for shard, at in sorted(taken, key=lambda each: each[1]):
        if shard in shards and asked < at <= asked + _MOST:
            first.setdefault(shard, at)
    return (max(first.values()) - asked).total_seconds() if first and set(first) == shards else None


def _at(event: dict[str, str]) -> datetime:
    return datetime.fromisoformat(event["timestamp"])
