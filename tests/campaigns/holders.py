"""Who holds which shard, from the workers' logs and from Postgres."""

from collections.abc import Collection
from typing import Any

import asyncpg

from tests.conditions import eventually
from tests.harness.deployment import Deployment, Worker
from tests.harness.waiting import SECONDS


async def wait_until_settled(deployment: Deployment, workers: Collection[Worker]) -> None:
    """Wait until these workers hold all shards among them, each some, and each has taken over what it was given."""

    async def check() -> None:
        assigned = {worker.name: last_assignment(worker) for worker in workers}
        given = sorted(shard for shards in assigned.values() for shard in shards)
        assert given == list(range(deployment.partitions)), f"the workers were given {assigned}"
        assert all(assigned.values()), f"not every worker was given a shard: {assigned}"
        taken = {shard: epoch for worker in workers for shard, epoch in _taken(worker).items()}
        epochs = await epochs_of(deployment.dsn)
        assert taken == epochs, f"the workers have taken over {taken}, and the epochs are {epochs}"

    try:
        await eventually(check, SECONDS)
    except AssertionError as error:
        raise AssertionError("\n".join([str(error), *(worker.tail() for worker in workers)])) from None


def last_assignment(worker: Worker) -> list[int]:
    """The shards that the group has last given to the worker."""
    assignments = worker.events("shards_assigned")
    return assignments[-1]["shards"] if assignments else []


def _taken(worker: Worker) -> dict[int, int]:
    """The epoch of each shard that the worker was given and has taken over."""
    events: list[dict[str, Any]] = worker.events("shard_taken_over")
    return {event["shard"]: event["epoch"] for event in events if event["shard"] in last_assignment(worker)}


async def epochs_of(dsn: str) -> dict[int, int]:
    """The epoch of each shard."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("SELECT shard, epoch FROM engagement.shard")
    finally:
        await connection.close()
    return {row["shard"]: row["epoch"] for row in rows}
