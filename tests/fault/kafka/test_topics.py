"""Topics that go away or change under a running worker: nothing is skipped or dropped, and it is told what to do."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import pytest

from tests.campaigns.outage_scene import PARTITIONS, Scene, active, scene
from tests.conditions import eventually
from tests.fault.kafka.ending import ends_misconfigured, is_replaced, runs
from tests.fault.kafka.topics import delete_topic
from tests.harness.feed import Feed
from tests.harness.halting import halted, message_ids, recreate_topic, shard_row
from tests.harness.temporary import Services, side_by_side
from tests.harness.waiting import stop

# The first test waits for all of them, on a machine that does other things too.
pytestmark = pytest.mark.timeout(600)
Tasks = dict[str, "asyncio.Task[list[str]]"]
HALTING_SECONDS = 60


@pytest.fixture(scope="module")
async def differences(services: Services) -> AsyncIterator[Tasks]:
    """What differs at the end of each case; they mostly wait, so they run side by side."""
    jobs: dict[str, Callable[[], Awaitable[list[str]]]] = {
        "fewer": partial(recreated_with_fewer_records, services),
        "messages": partial(no_message_topic, services),
        "letters": partial(no_dead_letter_topic, services),
        "progress": partial(no_markers, services),
    }
    async with side_by_side(jobs, len(jobs)) as tasks:
        yield tasks


async def test_without_its_message_topic_a_worker_ends_and_names_it_and_publishes_all_later(
    differences: Tasks,
) -> None:
    assert await differences["messages"] == []


async def test_without_its_dead_letter_topic_a_worker_stops_rather_than_drops(differences: Tasks) -> None:
    assert await differences["letters"] == []


async def test_markers_that_are_lost_under_a_running_worker_make_no_difference_to_it(differences: Tasks) -> None:
    assert await differences["progress"] == []


async def test_an_activity_topic_made_anew_with_fewer_records_halts_its_shards_and_skips_nothing(
    differences: Tasks,
) -> None:
    assert await differences["fewer"] == []


async def no_message_topic(services: Services) -> list[str]:
    """Deleted while the worker has nothing to publish yet, so that no message goes with it."""
    async with scene(services, "no messages") as each:
        await runs(each)
        await delete_topic(each.deployment, "messages")
        await each.produce(1)
        said = await ends_misconfigured(each.worker)
        assert repr(each.deployment.topic("messages")) in said
        assert "`engage init`" in said
        rows = [await shard_row(each.deployment, shard) for shard in range(PARTITIONS)]
        assert all(row["confirmed"] < row["decided"] for row in rows)
        await asyncio.to_thread(each.deployment.init)
        return await two_more_days(each)


async def no_dead_letter_topic(services: Services) -> list[str]:
    """The second day's activity holds records that can't be used."""
    async with scene(services, "no letters") as each:
        await runs(each)
        await each.produce(1)
        await each.ends(1)
        await delete_topic(each.deployment, "dead-letters")
        await each.produce(2)
        said = await ends_misconfigured(each.worker)
        assert repr(each.deployment.topic("dead-letters")) in said
        assert "`engage init`" in said
        await asyncio.to_thread(each.deployment.init)
        await runs(each)
        await each.ends(2)
        return await each.end()


async def no_markers(services: Services) -> list[str]:
    """Its producers go on, and each marker stands for all before it."""
    async with scene(services, "no markers") as each:
        await runs(each)
        await each.produce(1)
        await each.ends(1)
        await recreate_topic(each.deployment, "progress", settings={"cleanup.policy": "compact"})
        await each.produce(2)
        await each.ends(2)
        await is_replaced(each)
        await each.produce(3)
        await each.ends(3)
        return await each.end()


async def recreated_with_fewer_records(services: Services) -> list[str]:
    """Its shards' positions lie beyond the end; the worker waits for a decision, and begins nothing anew by itself."""
    async with scene(services, "fewer") as each:
        await each.start(module="tests.harness.impatient")
        await each.produce(1)
        await each.ends(1)
        before = await positions(each), await message_ids(each.deployment)
        await recreate_topic(each.deployment, "activity")
        async with Feed(each.deployment) as feed:
            await feed.activity(active(f"old{n}", "2024-05-02T00:00:00Z") for n in range(10))

        async def all_are_halted() -> None:
            reasons = await halted(each.deployment)
            assert set(reasons) == set(range(PARTITIONS)), each.worker.tail()
            assert all("beyond the end" in reason and "recreated" in reason for reason in reasons.values())

        await eventually(all_are_halted, HALTING_SECONDS)
        await stop(each.worker)
        assert (await positions(each), await message_ids(each.deployment)) == before
        return []


async def positions(of: Scene) -> list[int]:
    """Where the shards are."""
    return [(await shard_row(of.deployment, shard))["position"] for shard in range(PARTITIONS)]


async def two_more_days(each: Scene) -> list[str]:
    await runs(each)
    await each.ends(1)
    await each.produce(2)
    await each.ends(2)
    return await each.end()
