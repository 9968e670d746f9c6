"""A rolling upgrade with a schema that changes: expanded, workers replaced one by one, contracted; messages as ever."""

import asyncio
import subprocess
import sys

from adapters.postgres.migrations import load_migrations
from tests.campaigns import load
from tests.campaigns.hanging import hanging_transactions
from tests.campaigns.holders import wait_until_settled
from tests.harness.deployment import ROOT, Deployment
from tests.harness.feed import Feed
from tests.harness.halting import sql
from tests.harness.judgement import judge
from tests.harness.temporary import Services, temporary_deployment
from tests.harness.waiting import stop, wait_for_event, wait_until_cycles
from tests.oracle import barriers_in_order

PARTITIONS = 4
NEXT_VERSION = "tests.harness.next_version"


async def test_old_and_new_workers_share_the_shards_while_the_schema_changes_under_them(services: Services) -> None:
    deployments = temporary_deployment(services, "upgrade", partitions=PARTITIONS, variables=load.VARIABLES)
    async with deployments as deployment, Feed(deployment) as feed:
        upgrade = _Upgrade(deployment, feed)
        old = [deployment.start_worker(), deployment.start_worker()]
        await wait_until_settled(deployment, old)
        await upgrade.day()
        # In the middle of a tick, under those who don't know it.
        await asyncio.gather(upgrade.day(), upgrade.migrate("expand"))
        new = deployment.start_worker(module=NEXT_VERSION)
        await wait_until_settled(deployment, [*old, new])
        await upgrade.day()
        assert await upgrade.filled() not in (set(), {None}), "no new worker has decided anything"
        # An old worker that dies now is started again as what it was.
        old[0].kill()
        restarted = deployment.start_worker()
        await wait_until_settled(deployment, [old[1], restarted, new])
        await upgrade.day()
        # One by one.
        for worker in (old[1], restarted):
            await stop(worker)
            another = deployment.start_worker(module=NEXT_VERSION)
            await wait_for_event(another, "service_started", 1)
        await upgrade.day()
        await asyncio.gather(upgrade.day(), upgrade.migrate("contract"))
        await upgrade.refuses_the_old_one()
        await upgrade.day()
        await asyncio.to_thread(deployment.stop)
        visible = barriers_in_order(feed.produced, deployment.topic("ticks"), PARTITIONS)
        assert await asyncio.to_thread(judge, deployment, visible, load.THRESHOLDS) == []
        assert await hanging_transactions(deployment) == []
        assert await sql(deployment, "SELECT 1 FROM users WHERE greeted_at IS DISTINCT FROM last_messaged") == []


class _Upgrade:
    """Days of activity with a tick each, and what is done to the schema meanwhile."""

    def __init__(self, deployment: Deployment, feed: Feed) -> None:
        self._deployment = deployment
        self._feed = feed
        self._crowd = load.Crowd(400, seed=6)
        self._days = 0

    async def day(self) -> None:
        """A day's activity, and its tick's cycle."""
        await self._feed.activity(self._crowd.next_day())
        self._days += 1
        await self._feed.tick(self._crowd.midnight)
        await wait_until_cycles(self._deployment, self._days)

    async def migrate(self, change: str) -> None:
        """What `engage init` of the next version does."""
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", NEXT_VERSION, change],
            cwd=ROOT,
            env=self._deployment.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    async def filled(self) -> set[object]:
        """What stands in the new column."""
        return {row["greeted_at"] for row in await sql(self._deployment, "SELECT DISTINCT greeted_at FROM users")}

    async def refuses_the_old_one(self) -> None:
        """Whoever would not fill what is demanded now, may not start."""
        done = await asyncio.to_thread(self._deployment.engage, "run")
        assert done.returncode == 3
        [line] = [line for line in done.stderr.splitlines() if "migrated by a newer engine" in line]
        assert "Traceback" not in done.stderr
        known = len(load_migrations())
        assert f"needs an engine that knows {known + 1} or more, this one knows {known}" in line
