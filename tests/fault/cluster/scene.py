"""A deployment with two workers on the cluster: one takes a link to the brokers, the other one meets them directly."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

import asyncpg

from tests.campaigns import load
from tests.campaigns.ending import end
from tests.campaigns.holders import last_assignment, wait_until_settled
from tests.conditions import eventually
from tests.fault.cluster.cluster import Cluster
from tests.fault.cluster.links import Link
from tests.harness.deployment import Deployment, Worker
from tests.harness.feed import Feed
from tests.harness.temporary import Services, temporary_deployment
from tests.harness.waiting import SECONDS, wait_until_cycles

PARTITIONS = 4
# Some eight entries a shard and tick, so that there is time to strike in the middle.
_USERS = 400
_CHUNK_USERS = 6
_VARIABLES = load.VARIABLES | {"REPLICATION_FACTOR": "3", "SESSION_TIMEOUT_SECONDS": "3"}


@dataclass
class Scene:
    """To be made by ``scene``. ``away``: the worker behind the link; ``near``: the other one."""

    cluster: Cluster
    link: Link
    deployment: Deployment
    feed: Feed
    crowd: load.Crowd
    database: asyncpg.Connection
    away: Worker
    near: Worker
    days: int = 0

    @property
    def name(self) -> str:
        """The deployment's."""
        return self.deployment.name

    async def settle(self) -> None:
        """Wait until both workers hold some shards."""
        await wait_until_settled(self.deployment, [self.away, self.near])

    async def begin_day(self) -> None:
        """The activity of a day and the tick at its end; returns when Kafka has them."""
        await self.feed.activity(self.crowd.next_day())
        self.days += 1
        await self.feed.tick(self.crowd.midnight, f"day {self.days}")

    async def reach_tick(self, entries: int) -> None:
        """Begin a day, and wait until the worker behind the link has decided so many entries of it, and not all."""
        shards = last_assignment(self.away)
        before = await self.sequences("decided")
        await self.begin_day()

        async def within() -> None:
            decided = await self.sequences("decided")
            far = [shard for shard in await self.begun() if shard in shards]
            assert any(decided[shard] >= before[shard] + entries for shard in far), (
                f"{self.name}: of the shards {shards}, {far} are in the middle of a tick, from {before} to {decided}"
            )

        await eventually(within, SECONDS)

    async def end_day(self) -> None:
        """Wait until the day's cycle is visible."""
        await wait_until_cycles(self.deployment, self.days)

    async def wait_for_day(self, seconds: float) -> bool:
        """Whether all messages of the day are published within that time, for all that Postgres knows."""

        async def over() -> None:
            ended = await self.database.fetchval("SELECT count(ended_at) FROM engagement.tick")
            assert ended == self.days, f"{self.name}: {ended} of {self.days} cycles have ended"

        with suppress(AssertionError):
            await eventually(over, seconds)
            return True
        return False

    async def recover(self) -> float:
        """One more day; returns after how many seconds its cycle was visible."""
        begun = time.monotonic()
        await self.end_day()
        await self.begin_day()
        await self.end_day()
        return round(time.monotonic() - begun, 1)

    async def sequences(self, which: str) -> Mapping[int, int]:
        """The last sequence of each shard that is ``decided``, or that is ``confirmed`` as published."""
        rows = await self.database.fetch("SELECT * FROM engagement.shard")
        return {row["shard"]: row[which] for row in rows}

    async def begun(self) -> list[int]:
        """The shards that are in the middle of a tick."""
        rows = await self.database.fetch("SELECT shard FROM engagement.shard WHERE begun_offset IS NOT NULL")
        return [row["shard"] for row in rows]

    async def end(self) -> list[str]:
        """Stop the workers; returns every difference from what was promised."""
        gone = [worker for worker in self.deployment.workers if not worker.running]
        wrong = [f"{worker.name} ended by itself with {worker.process.returncode}" for worker in gone]
        wrong += await self._lag()
        return wrong + (await end(self.deployment, self.feed, load.THRESHOLDS)).differences

    async def _lag(self) -> list[str]:
        """The shards that have not taken in everything some time after the last cycle."""
        ends = dict.fromkeys(range(PARTITIONS), 0)
        for record in self.feed.produced:
            if record.topic == self.feed.activity_topic:
                ends[record.partition] = record.offset + 1

        async def none() -> None:
            positions = await self.sequences("position")
            assert positions == ends, f"positions {positions}, and the ends of the partitions {ends}"

        try:
            await eventually(none)
        except AssertionError as error:
            return [str(error)]
        return []


@asynccontextmanager
async def scene(services: Services, cluster: Cluster, name: str, link: int, seed: int) -> AsyncIterator[Scene]:
    """At the end of the first day, with both workers at work."""
    deployments = temporary_deployment(services, name, partitions=PARTITIONS, variables=_VARIABLES)
    async with deployments as deployment, Feed(deployment) as feed:
        away = _start(replace(deployment, kafka=cluster.through(link)))
        near = _start(deployment)
        database = await asyncpg.connect(deployment.dsn)
        try:
            played = Scene(
                cluster, cluster.links[link], deployment, feed, load.Crowd(_USERS, seed), database, away, near
            )
            await played.settle()
            await played.begin_day()
            await played.end_day()
            yield played
        finally:
            await database.close()


def _start(deployment: Deployment) -> Worker:
    return deployment.start_worker(chunk_users=_CHUNK_USERS)
