"""A shard that can't keep its promises waits for an operator; the others go on, and nothing is guessed."""

from tests.conditions import eventually
from tests.harness.deployment import Deployment
from tests.harness.feed import Feed
from tests.harness.halting import delete_records, sql
from tests.harness.waiting import stop, wait_for_event


async def positions(deployment: Deployment) -> dict[int, tuple[int, str | None]]:
    """Position and reason of halting by shard."""
    rows = await sql(deployment, "SELECT shard, position, halted_reason FROM shard")
    return {row["shard"]: (row["position"], row["halted_reason"]) for row in rows}


async def test_a_shard_whose_records_are_gone_before_they_were_read_is_halted_and_the_others_go_on(
    deployment: Deployment,
) -> None:
    events = [{"type": "user.active", "user_id": f"u{n}", "occurred_at": "2026-11-01T00:00:00Z"} for n in range(200)]
    async with Feed(deployment) as feed:
        await feed.activity(events)
        ends = {record.partition: record.offset + 1 for record in feed.produced}
        worker = deployment.start_worker()

        async def all_is_read() -> None:
            assert await positions(deployment) == {partition: (end, None) for partition, end in ends.items()}

        await eventually(all_is_read, 60)
        await stop(worker)

        await feed.activity(events)
        ends = {record.partition: record.offset + 1 for record in feed.produced}
        gone = (await positions(deployment))[2][0]
        await delete_records(deployment, "activity", partition=2, before=gone + 5)
        worker = deployment.start_worker()
        [halted] = await wait_for_event(worker, "shard_halted")
        assert halted["shard"] == 2

        async def the_others_are_read() -> None:
            reason = f"records {gone} to {gone + 4} of the activity topic are gone before they were read"
            expected = {partition: (end, None) for partition, end in ends.items()} | {2: (gone, reason)}
            assert await positions(deployment) == expected

        await eventually(the_others_are_read, 60)
        ticked = deployment.engage("tick", "--wait", "--timeout", "60")
        assert ticked.returncode == 4
        assert "shard 2" in ticked.stderr
        await stop(worker)


async def test_a_new_deployment_begins_where_the_log_begins(deployment: Deployment) -> None:
    async with Feed(deployment) as feed:
        await feed.activity(
            {"type": "user.active", "user_id": f"u{n}", "occurred_at": "2026-11-01T00:00:00Z"} for n in range(200)
        )
        ends = {record.partition: record.offset + 1 for record in feed.produced}
        await delete_records(deployment, "activity", partition=1, before=3)
        worker = deployment.start_worker()

        async def all_is_read() -> None:
            assert await positions(deployment) == {partition: (end, None) for partition, end in ends.items()}

        await eventually(all_is_read, 60)
        await stop(worker)
    [row] = await sql(deployment, "SELECT count(*) AS users FROM users")
    assert row["users"] == 200 - 3
