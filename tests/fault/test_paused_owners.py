"""Owners that are paused for longer than the session timeout, and wake up in the middle of what they were doing.

They don't know that they have lost their shards. What they still write is refused: by the fence in Postgres, by the
shard's transactional id in Kafka, or because Postgres has ended the transaction in which they fell asleep.
"""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest

from tests.harness import crowd
from tests.harness.deployment import Worker
from tests.harness.feed import Feed
from tests.harness.judgement import judge
from tests.harness.temporary import Services, side_by_side, temporary_deployment
from tests.harness.waiting import stop, wait_for_event, wait_for_pause, wait_until_cycles
from tests.oracle import barriers_in_order

CHUNK_USERS = 8
PARTITIONS = 2
DAY_1, DAY_2, DAY_3 = 1, 4, 5
"""How many cycles there are at the end of each day."""
POINTS = [
    "batch 1|after|1",
    "batch 3|after|1",
    "tick 3|after|3",
    "tick 6|after|3",
    "initialise|before|1",
    "publish 2|after|4",
    "publish 3|after|4",
]


@pytest.fixture(scope="module")
async def differences(services: Services) -> AsyncIterator[dict[str, "asyncio.Task[list[str]]"]]:
    """What differs at the end, by the point at which the owner was paused."""
    async with side_by_side({point: partial(run, services, point) for point in POINTS}, len(POINTS)) as tasks:
        yield tasks


@pytest.mark.parametrize("point", POINTS)
async def test_an_owner_that_slept_too_long_makes_no_difference(
    point: str, differences: dict[str, "asyncio.Task[list[str]]"]
) -> None:
    assert await differences[point] == []


async def run(services: Services, point: str) -> list[str]:
    """Three days: in the second one the owner falls asleep and another one goes on, in the third one it wakes up."""
    name = "paused at " + point.replace("|", " ")
    async with temporary_deployment(services, name, partitions=PARTITIONS, variables=crowd.VARIABLES) as deployment:
        start = partial(deployment.start_worker, chunk_users=CHUNK_USERS)
        async with Feed(deployment) as feed:
            first = start()
            await crowd.first_day(feed)
            await wait_until_cycles(deployment, DAY_1)
            await stop(first)
            coalesced = await crowd.second_day(feed)
            paused = start(crash=f"{point}|stop")
            assert await wait_for_pause(paused) == point
            successor = start()
            await wait_until_cycles(deployment, DAY_2)
            await feed.activity(crowd.staying_awake())
            paused.resume()
            await crowd.third_day(feed)
            await wait_until_cycles(deployment, DAY_3)
            await check_it_was_refused(paused)
            await stop(successor)
        visible = barriers_in_order(feed.produced, deployment.topic("ticks"), PARTITIONS)
        return await asyncio.to_thread(judge, deployment, visible, crowd.THRESHOLDS, coalesced)


async def check_it_was_refused(paused: Worker) -> None:
    """Both of its shards went to another owner while it slept: it noticed, and joined the group again."""
    await wait_for_event(paused, "shards_assigned", 2)
    await stop(paused)
    assert paused.events("shard_lost") or paused.events("shard_interrupted"), paused.tail()
