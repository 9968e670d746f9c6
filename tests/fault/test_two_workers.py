"""Two workers share the shards, and do what the oracle says."""

from tests.harness.deployment import Deployment
from tests.harness.feed import Feed, wait_for_cycles
from tests.harness.judgement import judge
from tests.oracle import Thresholds, barriers_in_order


async def test_two_workers_publish_what_the_oracle_expects(deployment: Deployment) -> None:
    for _ in range(2):
        deployment.start_worker(chunk_users=50)
    async with Feed(deployment) as feed:
        for day in range(1, 7):
            users = range(0, 400, day)
            await feed.activity(
                {"type": "user.active", "user_id": f"u{n}", "occurred_at": f"2026-11-{day:02}T{n % 24:02}:00:00Z"}
                for n in users
            )
            await feed.records([(b"u1", b"nonsense"), (None, b"{}")])
            await feed.tick(f"2026-11-{day:02}T23:59:59.999999Z", f"day {day}")
            await wait_for_cycles(deployment, day)
    assert set(deployment.stop().values()) == {0}
    visible = barriers_in_order(feed.produced, deployment.topic("ticks"), deployment.partitions)
    assert judge(deployment, visible, Thresholds()) == []
