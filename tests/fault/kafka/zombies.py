"""Chains of owners of one shard: each falls asleep at a step of its own, the next one takes over; in the end all wake.

The sleepers believe that they own the shard, each in another epoch, and go on in the middle of what they were doing,
all at once, while the last one of the chain works.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.conditions import eventually
from tests.harness.deployment import Deployment, Worker
from tests.harness.feed import Feed
from tests.harness.halting import sql
from tests.harness.judgement import judge
from tests.harness.temporary import Services, temporary_deployment
from tests.harness.waiting import SECONDS, stop, wait_for_event, wait_until_cycles
from tests.oracle import HOUR, Thresholds, barriers_in_order

SESSION_TIMEOUT_SECONDS = 3
USERS = 24
CHUNK_USERS = 8
# Everybody is messaged every day: whatever a sleeper repeated would show.
VARIABLES = {
    "INACTIVITY_THRESHOLD_SECONDS": "3600",
    "MESSAGE_FREQUENCY_HOURS": "12",
    "SESSION_TIMEOUT_SECONDS": str(SESSION_TIMEOUT_SECONDS),
}
THRESHOLDS = Thresholds(inactivity=HOUR, message_frequency=12 * HOUR)
BY_POSTGRES, BY_KAFKA, BY_ITS_END = "postgres", "kafka", "transaction ended"
_TOLD = {"is over": BY_POSTGRES, "a newer producer has taken over": BY_KAFKA}


@dataclass(frozen=True, slots=True)
class Result:
    """What differs at the end, and by the point at which a worker slept, who refused what it did then."""

    differences: list[str]
    refusals: dict[str, set[str]]


class Chain:
    """One deployment of one shard, day after day."""

    def __init__(self, deployment: Deployment, feed: Feed) -> None:
        self._deployment = deployment
        self._feed = feed
        self._days = 0

    async def sleeps_at(self, point: str) -> Worker:
        """A new owner that works, for as many days as it takes, until it comes to the point."""
        worker = self._start(f"{point}|stop")
        while self._days == 0 or await self._ends_day_or_sleeps(worker):
            await self._begin_day()
            await self._end_day()
        return worker

    async def wake(self, sleepers: Sequence[Worker]) -> None:
        """Let them go on while another one works, until the group has heard of each of them again."""
        survivor = self._start("")
        await wait_for_event(survivor, "shard_taken_over")
        assignments = {worker.name: len(worker.events("shards_assigned")) for worker in sleepers}
        for worker in sleepers:
            worker.resume()
        await wait_until_cycles(self._deployment, self._days)
        await self._begin_day()
        for worker in sleepers:
            await wait_for_event(worker, "shards_assigned", assignments[worker.name] + 1)
        await self._end_day()
        await wait_until_cycles(self._deployment, self._days)
        await asyncio.gather(*(stop(worker) for worker in [survivor, *sleepers]))

    async def _ends_day_or_sleeps(self, worker: Worker) -> bool:
        """Wait until all cycles so far are ended, or the worker sleeps; whether it is the former."""

        async def either() -> None:
            [row] = await sql(self._deployment, "SELECT count(ended_at) AS ended FROM tick")
            assert worker.crashed_at is not None or row["ended"] == self._days, worker.tail()

        await eventually(either, SECONDS)
        return worker.crashed_at is None

    async def _begin_day(self) -> None:
        self._days += 1
        await self._feed.activity(_events(self._days))
        await self._feed.records([(b"u0", b"nonsense")])

    async def _end_day(self) -> None:
        await self._feed.tick(f"{_date(self._days)}T22:00:00Z")

    def _start(self, crash: str) -> Worker:
        return self._deployment.start_worker(crash=crash, chunk_users=CHUNK_USERS)


async def run_chain(services: Services, name: str, points: Sequence[str]) -> Result:
    """One sleeper after the other, and all of them awake."""
    async with temporary_deployment(services, name, partitions=1, variables=VARIABLES) as deployment:
        async with Feed(deployment) as feed:
            chain = Chain(deployment, feed)
            sleepers = [await chain.sleeps_at(point) for point in points]
            await chain.wake(sleepers)
        visible = barriers_in_order(feed.produced, deployment.topic("ticks"), 1)
        differences = await asyncio.to_thread(judge, deployment, visible, THRESHOLDS)
        return Result(differences, dict(zip(points, map(refusals_of, sleepers), strict=True)))


def refusals_of(worker: Worker) -> set[str]:
    """Who refused its writes."""
    reasons = [event["reason"] for event in worker.events("shard_lost")]
    told = {by for words, by in _TOLD.items() if any(reason.endswith(words) for reason in reasons)}
    return told | ({BY_ITS_END} if worker.events("shard_interrupted") else set())


def _events(day: int) -> Iterator[dict[str, Any]]:
    for number in range(USERS):
        occurred_at = f"{_date(day)}T{number % 20:02}:30:00Z"
        yield {"type": "user.active", "user_id": f"u{number}", "occurred_at": occurred_at}


def _date(day: int) -> str:
    return f"2024-{4 + (day - 1) // 28:02}-{1 + (day - 1) % 28:02}"
