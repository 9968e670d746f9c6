"""A thousand ticks a second: most of them coalesced, repeats and earlier ones stale, and every cycle adds up."""

import asyncio
import json
import random
from collections.abc import Iterator

from aiokafka import AIOKafkaProducer

from tests.campaigns.choices import choices_of
from tests.harness import crowd
from tests.harness.deployment import Deployment
from tests.harness.feed import Feed
from tests.harness.halting import ends
from tests.harness.judgement import judge_by_shard
from tests.harness.waiting import stop, wait_for_event, wait_until_cycles

SEED = 7
SECONDS, A_SECOND, AT_ONCE = 2, 1_000, 20


def minutes() -> Iterator[int]:
    """The ticks' times: each a minute later, but for repeats of the one before, and jumps back."""
    rng = random.Random(SEED)
    latest = 0
    for _ in range(SECONDS * A_SECOND):
        chance = rng.random()
        if chance < 0.1 and latest:
            yield latest
        elif chance < 0.2:
            yield rng.randint(0, latest)
        else:
            latest += 1
            yield latest


async def test_a_storm_of_ticks_is_coalesced_and_every_cycle_adds_up(deployment: Deployment) -> None:
    deployment.variables = crowd.VARIABLES
    async with Feed(deployment) as feed:
        await crowd.first_day(feed)
        workers = [deployment.start_worker() for _ in range(2)]
        for worker in workers:
            await wait_for_event(worker, "shard_taken_over")
        await storm(deployment)
    # The first day's tick and each new minute.
    usable = 1 + max(minutes())
    await wait_until_cycles(deployment, usable)
    visible = await ends(deployment, "activity")
    for worker in workers:
        await stop(worker)
        assert not worker.events("shard_interrupted"), worker.tail()
    choices = choices_of(workers, {worker.name: crowd.THRESHOLDS for worker in workers})
    assert await asyncio.to_thread(judge_by_shard, deployment, lambda _tick: visible, choices) == []
    evaluated = {offset for (offset, _), thresholds in choices.treated.items() if thresholds is not None}
    assert len(evaluated) < usable // 4, "most of the ticks were coalesced"


async def storm(deployment: Deployment) -> None:
    """The ticks, at that rate; all are acknowledged when this returns."""
    loop = asyncio.get_running_loop()
    async with AIOKafkaProducer(bootstrap_servers=deployment.kafka, acks="all", enable_idempotence=True) as producer:
        started, sent = loop.time(), []
        for number, minute in enumerate(minutes()):
            if number % AT_ONCE == 0:
                await asyncio.sleep(started + number / A_SECOND - loop.time())
            at = f"2024-05-{3 + minute // 1440:02}T{minute // 60 % 24:02}:{minute % 60:02}:00Z"
            value = json.dumps({"type": "engagement.tick", "at": at}).encode()
            sent.append(await producer.send(deployment.topic("ticks"), value))
        await asyncio.gather(*sent)
