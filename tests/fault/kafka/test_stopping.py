"""A worker that is asked to stop in the middle of its work ends what it does; one that is asked twice ends at once."""

import asyncio
import signal
from collections.abc import AsyncIterator
from functools import partial

import asyncpg
import pytest

from tests.campaigns.outage_scene import Scene, scene
from tests.conditions import eventually
from tests.harness.group import members
from tests.harness.temporary import Services, side_by_side
from tests.harness.waiting import SECONDS, wait_for_pause

# In the middle of a batch, of a tick, and of a Kafka transaction; and on which day that is.
POINTS = {"batch 3|after|1": 1, "tick 3|after|20": 2, "publish 2|after|20": 2}

Tasks = dict[str, "asyncio.Task[list[str]]"]


@pytest.fixture(scope="module")
async def differences(services: Services) -> AsyncIterator[Tasks]:
    """What differs at the end of each case; they mostly wait, so they run side by side."""
    jobs = {point: partial(stopped_at, services, point) for point in POINTS}
    jobs |= {number.name: partial(asked_twice, services, number) for number in (signal.SIGTERM, signal.SIGINT)}
    async with side_by_side(jobs, len(jobs)) as tasks:
        yield tasks


@pytest.mark.parametrize("point", POINTS)
async def test_a_worker_that_is_stopped_at_work_leaves_the_group_and_no_difference(
    differences: Tasks, point: str
) -> None:
    assert await differences[point] == []


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
async def test_a_second_signal_ends_the_worker_at_once_and_another_one_goes_on(differences: Tasks, number: str) -> None:
    assert await differences[number] == []


async def stopped_at(services: Services, point: str) -> list[str]:
    """It hears of the signal in the middle of a day's work."""
    async with scene(services, "stopped at " + point.replace("|", " ")) as each:
        await each.start(pauses=f"{point}|stop")
        await each.produce(1)
        if POINTS[point] == 2:
            await each.ends(1)
            await each.produce(2)
        assert await wait_for_pause(each.worker) == point
        # Before it wakes up, so that it finds the signal first.
        each.worker.process.terminate()
        each.worker.resume()
        assert await asyncio.to_thread(each.worker.process.wait, SECONDS) == 0, each.worker.tail()
        assert await members(each.deployment.kafka, each.deployment.name) == set()
        assert not each.worker.events("stop_cut_short")
        return await goes_on(each, POINTS[point])


async def asked_twice(services: Services, number: signal.Signals) -> list[str]:
    """What it does doesn't end, since another session holds its users; the first signal alone would wait for that."""
    async with scene(services, f"asked twice {number.name.lower()}") as each:
        await each.start()
        await each.produce(1)
        await each.ends(1)
        session = await asyncpg.connect(each.deployment.dsn)
        async with session.transaction():
            await session.execute("LOCK TABLE engagement.users IN ACCESS EXCLUSIVE MODE")
            await each.produce(2)
            await eventually(lambda: ends_at_once(each, number), SECONDS)
        await session.close()
        assert each.worker.process.returncode == -number, each.worker.tail()
        return await goes_on(each, 2)


async def ends_at_once(of: Scene, number: signal.Signals) -> None:
    of.worker.process.send_signal(number)
    assert not of.worker.running


async def goes_on(of: Scene, day: int) -> list[str]:
    """Another worker ends the day."""
    of.deployment.workers.clear()
    await of.start()
    await of.ends(day)
    return await of.end()
