"""A shard that was given up is its new owner's: the former one doesn't take it again."""

import asyncpg

from adapters.kafka.connection import KafkaConnection
from tests.conditions import eventually
from tests.contract.kafka.members import member
from tests.harness.deployment import Deployment
from tests.harness.feed import Feed
from tests.harness.waiting import stop, wait_for_event

SECONDS = 60


async def epochs(connection: asyncpg.Connection) -> dict[int, int]:
    rows = await connection.fetch("SELECT shard, epoch FROM engagement.shard")
    return {row["shard"]: row["epoch"] for row in rows}


async def lose(connection: asyncpg.Connection, shards: list[int]) -> None:
    """What a take-over by another worker does."""
    await connection.execute("UPDATE engagement.shard SET epoch = epoch + 1 WHERE shard = ANY($1)", shards)


async def test_a_shard_that_is_lost_while_it_is_given_up_is_not_taken_again(deployment: Deployment) -> None:
    worker = deployment.start_worker()
    await wait_for_event(worker, "shard_taken_over", deployment.partitions)
    blocking = await asyncpg.connect(deployment.dsn)
    watching = await asyncpg.connect(deployment.dsn)
    every = list(range(deployment.partitions))

    async def all_are_blocked() -> None:
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        assert await watching.fetchval(waiting) == deployment.partitions

    async with Feed(deployment) as feed, blocking.transaction():
        await blocking.fetch("SELECT * FROM engagement.shard ORDER BY shard FOR UPDATE")
        await feed.activity(
            {"type": "user.active", "user_id": f"u{n}", "occurred_at": "2026-11-01T00:00:00Z"} for n in range(100)
        )
        await eventually(all_are_blocked, SECONDS)
        connection = KafkaConnection(deployment.kafka)
        async with member(connection, deployment.topic("activity"), deployment.name) as newcomer:
            given_up = await newcomer.hears(1)
            kept = [shard for shard in every if shard not in given_up]
            assert given_up
            assert kept
            await wait_for_event(worker, "shards_assigned", 2)
            await lose(blocking, every)
            await blocking.execute("COMMIT; BEGIN")
            # Each loss of the kept ones costs the worker a second or two: time in which it could take the others too.
            for epoch in (3, 5, 7):

                async def kept_are_taken_again(epoch: int = epoch) -> None:
                    known = await epochs(watching)
                    assert {known[shard] for shard in kept} == {epoch}

                await eventually(kept_are_taken_again, SECONDS)
                await lose(watching, kept)
                await feed.activity(
                    {"type": "user.active", "user_id": f"u{n}", "occurred_at": "2026-11-02T00:00:00Z"}
                    for n in range(100)
                )
            known = await epochs(watching)
            assert {known[shard] for shard in given_up} == {2}
    await stop(worker)
    for session in (blocking, watching):
        await session.close()
