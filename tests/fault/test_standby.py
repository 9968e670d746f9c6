"""Whoever has nothing to read for a long time stays in the group: else its client would leave it for good, silently.

The client does so when nobody polls for its poll interval, which is a day, and some seconds here.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial

import pytest

from tests.campaigns.outage_scene import PARTITIONS, Scene, scene
from tests.conditions import eventually
from tests.harness.deployment import Worker
from tests.harness.group import members
from tests.harness.lasting import lasts
from tests.harness.restartable import Outage, restartable_postgres
from tests.harness.temporary import Services, side_by_side
from tests.harness.waiting import SECONDS, wait_for_event

POLL_INTERVAL_SECONDS = 4.0
LONGER_SECONDS = 2.5 * POLL_INTERVAL_SECONDS
OUTAGES: tuple[Outage, ...] = ("stopped", "frozen")

Tasks = dict[str, "asyncio.Task[list[str]]"]


@pytest.fixture(scope="module")
async def differences(services: Services) -> AsyncIterator[Tasks]:
    """What differs at the end of each case; they mostly wait, so they run side by side."""
    jobs = {"standby": partial(standing_by, services)}
    jobs |= {outage: partial(without_postgres, services, outage) for outage in OUTAGES}
    async with side_by_side(jobs, len(jobs)) as tasks:
        yield tasks


async def test_a_standby_that_was_idle_for_longer_than_the_poll_interval_takes_over(differences: Tasks) -> None:
    assert await differences["standby"] == []


@pytest.mark.parametrize("outage", OUTAGES)
async def test_a_worker_without_postgres_for_longer_than_the_poll_interval_stays_in_the_group(
    differences: Tasks, outage: Outage
) -> None:
    assert await differences[outage] == []


async def standing_by(services: Services) -> list[str]:
    """Two workers have a shard each, a third one has none; the two are killed after a long time."""
    async with scene(services, "standby") as each:
        workers = each.deployment.workers
        for _ in range(PARTITIONS + 1):
            each.deployment.start_worker(poll_interval_seconds=POLL_INTERVAL_SECONDS)

        async def all_is_shared_out() -> None:
            assert sorted(map(shards_of, workers)) == [[], [0], [1]]

        await eventually(all_is_shared_out, SECONDS)
        await each.produce(1)
        await each.ends(1)
        await stay_members(each, LONGER_SECONDS, PARTITIONS + 1)
        for owner in [worker for worker in workers if shards_of(worker)]:
            owner.kill()
            workers.remove(owner)
        await wait_for_event(workers[0], "shard_taken_over", PARTITIONS)
        await each.produce(2)
        await each.ends(2)
        return await each.end()


async def without_postgres(services: Services, outage: Outage) -> list[str]:
    """One worker, which has activity and a tick to take in, and no Postgres for a long time."""
    folder = services.folder / outage
    folder.mkdir()
    async with AsyncExitStack() as opened:
        dsn, postgres = await opened.enter_async_context(restartable_postgres(folder))
        alone = await opened.enter_async_context(scene(replace(services, postgres_admin_dsn=dsn), outage))
        worker = alone.deployment.start_worker(poll_interval_seconds=POLL_INTERVAL_SECONDS)
        await wait_for_event(worker, "shard_taken_over", PARTITIONS)
        await alone.produce(1)
        await alone.ends(1)
        async with postgres.away(outage):
            await alone.produce(2)
            await stay_members(alone, LONGER_SECONDS, 1)
        await alone.ends(2)
        assert len(worker.events("shards_assigned")) == 1
        return await alone.end()


def shards_of(worker: Worker) -> list[int]:
    """The ones that it was given last."""
    assignments = worker.events("shards_assigned")
    return assignments[-1]["shards"] if assignments else []


async def stay_members(of: Scene, seconds: float, number: int) -> None:
    """So many members are in the group, and it is the same ones all the time: who joins again has another id."""
    first = await members(of.deployment.kafka, of.deployment.name)
    assert len(first) == number

    async def check() -> None:
        assert await members(of.deployment.kafka, of.deployment.name) == first

    await lasts(check, seconds)
