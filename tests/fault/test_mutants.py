"""What a campaign finds: nothing in the engine as it is, and a difference in each of four engines with a defect.

All of them live through the same: an owner is paused longer than the session timeout just as it begins the second
day's tick; its successor dies with messages that are published and not yet confirmed; the third worker ends the tick
and learns of more users and late events. Then the first one wakes up in the middle of its sentence.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

import pytest

from tests.conditions import eventually
from tests.harness import crowd
from tests.harness.deployment import Deployment, Worker
from tests.harness.feed import Feed
from tests.harness.judgement import judge
from tests.harness.mutants import MUTANTS
from tests.harness.temporary import Services, side_by_side, temporary_deployment
from tests.harness.waiting import wait_for_death, wait_for_event, wait_for_pause, wait_until_cycles, wait_until_taken_in
from tests.oracle import barriers_in_order

CHUNK_USERS = 20
# One shard, so that the paused worker stands exactly there, with nothing else under way.
PARTITIONS = 1
BEGINNING_DAY_2 = "tick 1|after|2"
PUBLISHED_NOT_CONFIRMED = "publish 3|after|2"
# A broken engine may get stuck on the last day.
LAST_DAY_SECONDS = 60.0
FOUND = {
    "no_frequency_rule": "unexpected message",
    "last_event": "unexpected message",
    "no_fence": "missing message",
    "marker_not_read": "repeated message",
}


@dataclass(frozen=True, slots=True)
class Result:
    """What differs at the end, and the worker that was paused."""

    differences: list[str]
    paused: Worker

    @property
    def kinds(self) -> set[str]:
        """Such as "repeated message"."""
        return {" ".join(difference.split()[:2]) for difference in self.differences}


@pytest.fixture(scope="module")
async def results(services: Services) -> AsyncIterator[dict[str, "asyncio.Task[Result]"]]:
    """What becomes of each engine."""
    async with side_by_side({name: partial(live_through, services, name) for name in MUTANTS}, len(MUTANTS)) as tasks:
        yield tasks


async def test_the_sound_engine_makes_no_difference_and_refuses_the_paused_owner(
    results: dict[str, "asyncio.Task[Result]"],
) -> None:
    result = await results["none"]
    assert result.differences == []
    assert "epoch 1 is over" in result.paused.events("shard_lost")[0]["reason"]


@pytest.mark.parametrize(("mutant", "difference"), FOUND.items())
async def test_a_defect_makes_a_difference(
    mutant: str, difference: str, results: dict[str, "asyncio.Task[Result]"]
) -> None:
    result = await results[mutant]
    assert difference in result.kinds, result.differences


def test_every_mutant_is_found() -> None:
    assert {"none", *FOUND} == set(MUTANTS)


async def live_through(services: Services, mutant: str) -> Result:
    """The whole story with one engine."""
    name = mutant.replace("_", "-")
    async with temporary_deployment(services, name, partitions=PARTITIONS, variables=crowd.VARIABLES) as deployment:
        start = partial(deployment.start_worker, chunk_users=CHUNK_USERS, mutant=mutant)
        async with Feed(deployment) as feed:
            paused = start(crash=f"{BEGINNING_DAY_2}|stop")
            await crowd.first_day(feed)
            await wait_until_cycles(deployment, 1)
            await pause_at_second_day(paused, feed)
            assert await wait_for_death(start(crash=PUBLISHED_NOT_CONFIRMED)) == PUBLISHED_NOT_CONFIRMED
            successor = start()
            await wait_until_cycles(deployment, 2)
            await feed.activity(crowd.staying_awake())
            await wait_until_taken_in(successor, feed)
            await feed.activity(crowd.late_events())
            await feed.activity(crowd.latecomers())
            await wait_until_taken_in(successor, feed)
            paused.resume()
            # It learns of its lost membership only after what it was doing.
            await wait_for_event(paused, "shards_assigned", 2)
            await crowd.third_day(feed)
            await end_third_day(deployment)
        visible = barriers_in_order(feed.produced, deployment.topic("ticks"), PARTITIONS)
        return Result(await asyncio.to_thread(judge, deployment, visible, crowd.THRESHOLDS), paused)


async def pause_at_second_day(worker: Worker, feed: Feed) -> None:
    """Its activity is in the state when its tick comes, so that nothing keeps the worker from beginning that."""
    await crowd.second_day_activity(feed)
    await wait_until_taken_in(worker, feed)
    await feed.tick(crowd.midnight(3), "day 2")
    assert await wait_for_pause(worker) == BEGINNING_DAY_2


async def end_third_day(deployment: Deployment) -> None:
    """Wait for the last cycle; a broken engine may die or get stuck instead."""
    cycles = asyncio.create_task(wait_until_cycles(deployment, 3))
    breakdown = asyncio.create_task(wait_for_breakdown(deployment))
    await asyncio.wait({cycles, breakdown}, timeout=LAST_DAY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    for task in (cycles, breakdown):
        task.cancel()
    await asyncio.gather(cycles, breakdown, return_exceptions=True)


async def wait_for_breakdown(deployment: Deployment) -> None:
    """Wait until a worker has died that wasn't to, or has given its shard up for good."""

    async def broken() -> None:
        workers = deployment.workers
        died = [worker for worker in workers if not worker.running and worker.process.returncode > 0]
        assert died or any(worker.events("shard_halted") for worker in workers)

    await eventually(broken, LAST_DAY_SECONDS)
