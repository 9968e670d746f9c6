"""On a quiet topic, too, what a crash of Postgres took away is read again."""

from tests.harness.deployment import Deployment
from tests.harness.feed import Feed
from tests.harness.halting import sql, wait_until_read
from tests.harness.waiting import stop, wait_for_event


async def test_an_owner_with_nothing_to_do_notices_that_its_last_commits_were_lost(deployment: Deployment) -> None:
    worker = deployment.start_worker()
    async with Feed(deployment) as feed:
        await feed.activity(
            {"type": "user.active", "user_id": f"u{n}", "occurred_at": "2026-11-01T00:00:00Z"} for n in range(100)
        )
        await wait_until_read(deployment)
        # What a crash leaves when the last commits were asynchronous: position and users of some time before.
        await sql(deployment, "WITH lost AS (DELETE FROM users) UPDATE shard SET position = 0, active = 0")
        lost = await wait_for_event(worker, "shard_lost", deployment.partitions)
        assert all("is stored at 0, not at" in event["reason"] for event in lost)
        await wait_until_read(deployment)
        [row] = await sql(deployment, "SELECT count(*) AS users, (SELECT sum(active) FROM shard) AS active FROM users")
        assert (row["users"], row["active"]) == (100, 100)
    await stop(worker)
