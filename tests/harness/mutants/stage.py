"""What the stories of mutants have in common: one engine, sound or not, and what becomes of it."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.protocol.group import LeaveGroupRequest

from tests.conditions import eventually, until
from tests.foreign import read_topic
from tests.harness import crowd
from tests.harness.deployment import Deployment, Worker
from tests.harness.feed import Feed
from tests.harness.group import members
from tests.harness.halting import halted, sql
from tests.harness.judgement import judge
from tests.harness.mutants.wire import Wire, wire
from tests.harness.temporary import Services, temporary_deployment
from tests.harness.waiting import SECONDS, wait_for_death, wait_until_cycles
from tests.oracle import barriers_in_order

# The first day's 115 due users make six chunks of this size.
CHUNK_USERS = 20
# A broken engine may get stuck.
STUCK_SECONDS = 25.0
SOUND = "none"
# The commits of a producer are counted from that of its probe on.
FIRST_ENTRY = 2
# Whoever is to succeed stands here, so that it takes the shard at once when woken.
BEFORE_TAKING_OVER = "take-over 1|before|1"
# Of a shard's row. So many entries may be ahead of the confirmed one.
AS_FAR_AHEAD_AS_IT_MAY = "decided = confirmed + 4"
DECIDED_ALL = "tick_cursor > 0 AND (begun_offset IS NULL OR begun_last_sequence IS NOT NULL)"
PUBLISHED_ALL = "tick_cursor > 0 AND begun_offset IS NULL AND decided = confirmed"


@dataclass(frozen=True, slots=True)
class Result:
    """What differs at the end from what was promised, and for which reasons workers gave a shard up on the way."""

    differences: list[str]
    lost: list[str]

    def has(self, *kinds: str) -> bool:
        """Whether there is a difference of one of these kinds, such as "repeated message"."""
        return any(difference.startswith(kinds) for difference in self.differences)


@dataclass(frozen=True, slots=True)
class Stage:
    """A deployment with one defect, or none, in all its workers.

    ``found``: what a story saw on its way. ``replaced``: workers whose end is no surprise.
    """

    deployment: Deployment
    feed: Feed
    mutant: str
    found: list[str] = field(default_factory=list)
    replaced: list[Worker] = field(default_factory=list)

    def start(self, crash: str = "", chunk_users: int = CHUNK_USERS) -> Worker:
        """One more worker."""
        return self.deployment.start_worker(crash=crash, chunk_users=chunk_users, mutant=self.mutant)

    def replace(self, ended: Worker) -> None:
        """Start another one in the place of one that has ended."""
        self.replaced.append(ended)
        self.start()

    async def successor(self, *stops: str) -> Worker:
        """A worker that has been told to take the shard, and was stopped and taken for dead before it did anything."""
        worker = self.start(",".join(f"{stop}|stop" for stop in (BEFORE_TAKING_OVER, *stops)))
        await stopped_at(worker, BEFORE_TAKING_OVER)
        await self.expel_all()
        return worker

    async def expel_all(self) -> None:
        """What the session timeout does to members that are dead or stopped, at once."""
        kafka, group = self.deployment.kafka, self.deployment.name
        client = AIOKafkaClient(bootstrap_servers=kafka)
        await client.bootstrap()
        try:
            coordinator = await client.coordinator_lookup(CoordinationType.GROUP, group)
            for member in await members(kafka, group):
                await client.send(coordinator, LeaveGroupRequest(group, member))
        finally:
            await client.close()

    async def cycles(self, number: int) -> None:
        """Wait for so many cycles; a broken engine may die, halt or get stuck instead."""
        await _first_of(self._patience, wait_until_cycles(self.deployment, number), self._breakdown())

    async def death(self, worker: Worker) -> None:
        """Wait until the worker has died at its point; a broken engine may end the first tick instead."""
        await _first_of(self._patience, wait_for_death(worker), wait_until_cycles(self.deployment, 1))

    async def until_shard(self, shard: int, condition: str) -> None:
        """Wait until this holds for the shard's row."""

        async def holds() -> bool:
            # The condition is one of the constants above.
            return bool(await sql(self.deployment, f"SELECT FROM shard WHERE shard = $1 AND {condition}", shard))

        await until(holds, SECONDS)

    async def early_cycles(self) -> list[str]:
        """What is wrong with the cycles that can be seen now: messages of theirs that can't."""
        cycles, messages = [await asyncio.to_thread(self._visible, role) for role in ("cycles", "messages")]
        sent = Counter(message["tick_id"] for message in messages)
        return [
            f"early cycle {cycle['at']}: {cycle['messages_sent'] - sent[cycle['tick_id']]} of its messages are missing"
            for cycle in cycles
            if sent[cycle["tick_id"]] < cycle["messages_sent"]
        ]

    async def result(self) -> Result:
        """All differences, after the last cycle."""
        self.found.extend(f"halted shard {shard}: {why}" for shard, why in (await halted(self.deployment)).items())
        ticks, partitions = self.deployment.topic("ticks"), self.deployment.partitions
        visible = barriers_in_order(self.feed.produced, ticks, partitions)
        differences = await asyncio.to_thread(judge, self.deployment, visible, crowd.THRESHOLDS)
        lost = [event["reason"] for worker in self.deployment.workers for event in worker.events("shard_lost")]
        return Result([*self.found, *differences], lost)

    @property
    def _patience(self) -> float:
        return SECONDS if self.mutant == SOUND else STUCK_SECONDS

    def _visible(self, role: str) -> list[dict[str, Any]]:
        records = read_topic(self.deployment.kafka, self.deployment.topic(role))
        return [json.loads(record.value or b"") for record in records]

    async def _breakdown(self) -> None:
        async def broken() -> None:
            workers = [worker for worker in self.deployment.workers if worker not in self.replaced]
            died = [worker for worker in workers if not worker.running and worker.process.returncode > 0]
            assert died or any(worker.events("shard_halted") for worker in workers)

        await eventually(broken, SECONDS)


@asynccontextmanager
async def stage(services: Services, story: str, mutant: str, *, partitions: int = 1) -> AsyncIterator[Stage]:
    """A deployment; no worker runs yet. One shard, so that a stopped worker stands exactly there."""
    name = f"{story[:12].strip()}-{mutant[:24]}".replace("_", "-").replace(" ", "-").rstrip("-")
    deployments = temporary_deployment(services, name, partitions=partitions, variables=crowd.VARIABLES)
    async with deployments as deployment, Feed(deployment) as feed:
        yield Stage(deployment, feed, mutant)


@asynccontextmanager
async def wired(of: Stage) -> AsyncIterator[Wire]:
    """A wire between its workers and Kafka, for all that are started within the context."""
    async with wire(of.deployment.kafka) as between:
        of.deployment.variables["KAFKA_BOOTSTRAP_SERVERS"] = between.address
        try:
            yield between
        finally:
            await asyncio.to_thread(of.deployment.stop)


async def _first_of(seconds: float, *jobs: Coroutine[Any, Any, object]) -> None:
    """Wait for the first of them to end, at most so long."""
    waiting = [asyncio.create_task(job) for job in jobs]
    await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def stopped_at(worker: Worker, point: str) -> None:
    """Wait until the worker has stopped itself there."""

    async def check() -> None:
        assert worker.crashed_at == point, f"{worker.name} has not come to {point}\n{worker.tail()}"

    await eventually(check, SECONDS)


async def gave_up(worker: Worker) -> None:
    """Wait until the worker has noticed that the shard isn't its own any more."""

    async def check() -> None:
        noticed = worker.events("shard_lost") or worker.events("shard_interrupted")
        assert noticed, f"{worker.name} goes on\n{worker.tail()}"

    await eventually(check, SECONDS)
