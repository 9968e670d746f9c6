"""One deployment in an outage: five days of the crowd, with a tick at the end of each, some of which are disturbed."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from tests.harness import crowd
from tests.harness.deployment import Deployment, Worker
from tests.harness.feed import Feed
from tests.harness.group import members
from tests.harness.judgement import judge
from tests.harness.temporary import Services, temporary_deployment
from tests.harness.waiting import wait_for_event, wait_until_cycles
from tests.oracle import barriers_in_order

PARTITIONS = 2
CHUNK_USERS = 8
# Longer than a recovery takes, shorter than long outages: the watchdog must sit through those.
STUCK_EXIT_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Scene:
    """The deployment, and what feeds it."""

    name: str
    deployment: Deployment
    feed: Feed

    @property
    def worker(self) -> Worker:
        """The first one."""
        return self.deployment.workers[0]

    async def start(self, workers: int = 1, pauses: str = "", module: str = "tests.harness.worker") -> None:
        """Start so many workers, each with a shard at least; they stand still at the points of ``pauses``."""
        for number in range(workers):
            worker = self.deployment.start_worker(crash=pauses, chunk_users=CHUNK_USERS, module=module)
            await wait_for_event(worker, "shard_taken_over", 1 if number else PARTITIONS)

    async def produce(self, day: int) -> None:
        """The activity of a day, and the tick at its end."""
        if day == 1:
            await crowd.first_day(self.feed)
        elif day == 2:
            await crowd.second_day_activity(self.feed)
            await self.feed.tick(crowd.midnight(3), "day 2")
        elif day == 3:
            await crowd.third_day(self.feed)
        else:
            # Two days later each, so that whoever was messaged and didn't come back is due again.
            evening = f"2024-05-{2 * day - 3:02}T23:30:00Z"
            await self.feed.activity(active(f"new{n}", evening) for n in range(day, 100, 4))
            await self.feed.tick(crowd.midnight(2 * day - 2), f"day {day}")

    async def ends(self, day: int) -> None:
        """Wait until the day's cycle is published."""
        await wait_until_cycles(self.deployment, day)

    async def repeat_activity(self) -> None:
        """Records of the second day once more: whichever tick sees them, they change nothing."""
        await self.feed.activity(active(f"awake{n}", "2024-05-02T23:45:00Z") for n in range(100))

    async def membership(self) -> tuple[set[str], list[int]]:
        """Who is in the group, by ids that are given at joining, and how often each worker was given shards."""
        assignments = [len(worker.events("shards_assigned")) for worker in self.deployment.workers]
        return await members(self.deployment.kafka, self.deployment.name), assignments

    async def shards(self) -> dict[int, asyncpg.Record]:
        """The rows of the shards, by number."""
        connection = await asyncpg.connect(self.deployment.dsn)
        try:
            rows = await connection.fetch("SELECT * FROM engagement.shard")
        finally:
            await connection.close()
        return {row["shard"]: row for row in rows}

    async def is_within_tick(self) -> bool:
        """Whether a shard has begun a tick and not ended it."""
        return any(row["begun_offset"] is not None for row in (await self.shards()).values())

    async def end(self) -> list[str]:
        """Stop the workers; returns every difference from what was promised."""
        ended = [worker for worker in self.deployment.workers if not worker.running]
        wrong = [f"{worker.name} ended by itself with {worker.process.returncode}" for worker in ended]
        codes = await asyncio.to_thread(self.deployment.stop)
        wrong += [f"{name} stopped with {code}" for name, code in codes.items() if code != 0]
        wrong += [complaint for worker in self.deployment.workers for complaint in complaints(worker)]
        visible = barriers_in_order(self.feed.produced, self.deployment.topic("ticks"), PARTITIONS)
        wrong += await asyncio.to_thread(judge, self.deployment, visible, crowd.THRESHOLDS)
        return [f"{self.name}: {text}" for text in wrong]


@asynccontextmanager
async def scene(services: Services, name: str, stuck_exit_seconds: int = STUCK_EXIT_SECONDS) -> AsyncIterator[Scene]:
    """A deployment of its own with two shards; no worker runs yet."""
    variables = crowd.VARIABLES | {"STUCK_EXIT_SECONDS": str(stuck_exit_seconds)}
    deployments = temporary_deployment(services, name, partitions=PARTITIONS, variables=variables)
    async with deployments as deployment, Feed(deployment) as feed:
        yield Scene(name, deployment, feed)


async def last_day(day: int, *scenes: Scene) -> list[str]:
    """One more day for all of them, undisturbed, and their end; returns every difference from what was promised."""

    async def play(of: Scene) -> list[str]:
        await of.produce(day)
        await of.ends(day)
        return await of.end()

    return [text for wrong in await asyncio.gather(*map(play, scenes)) for text in wrong]


def active(user_id: str, occurred_at: str) -> dict[str, Any]:
    """An event."""
    return {"type": "user.active", "user_id": user_id, "occurred_at": occurred_at}


def entries(worker: Worker) -> Iterator[dict[str, Any]]:
    """All lines of the worker's log, in order; what is no log line, a traceback say, has that as its level."""
    for line in worker.log.read_text(encoding="utf-8").splitlines():
        yield json.loads(line) if line.startswith("{") else {"level": "no log line", "event": line}


def complaints(worker: Worker) -> list[str]:
    """What the engine itself logged as an error, and what is no log line at all; the clients' own lines are free."""
    grave = ("error", "critical", "no log line")
    ours = (entry for entry in entries(worker) if entry["level"] in grave and "logger" not in entry)
    return [f"{worker.name} said: {entry}" for entry in ours]
