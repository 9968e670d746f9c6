"""What happens to links and brokers in the middle of ticks, and how long it takes until all is well after it."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.fault.cluster.cluster import BROKERS, Cluster
from tests.fault.cluster.scene import PARTITIONS, Scene
from tests.harness.restartable import Outage

# Longer than a session and a call to Kafka may take, so that both are given up while the fault lasts.
_HURT_SECONDS = 12.0
# A broker that is frozen is found out after five seconds; what it leads moves then.
_FROZEN_SECONDS = 8.0
_OUTAGE_SECONDS = 60.0
# The same five, and then some in which writes are refused; and some in which nobody answers.
_REFUSED_SECONDS, _DEAD_SECONDS = 8.0, 4.0
_FEWEST, _MOST = 1, 3
# A topic that no deployment knows, to write to.
_NOBODYS = "nobodys"

Hurt = Callable[[Scene], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Struck:
    """``wrong``: what should not have been. ``figures``: for people.

    Among these, by deployment: seconds from the moment at which all was well again until the first cycle whose tick
    was produced after it.
    """

    wrong: list[str] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)


async def hurt_link(scene: Scene, rng: random.Random, hurt: Hurt) -> Struck:
    """The link of one worker is hurt in the middle of a tick, until the day is over or for some seconds."""
    await scene.settle()
    await scene.reach_tick(rng.randint(_FEWEST, _MOST))
    await hurt(scene)
    try:
        over = await scene.wait_for_day(_HURT_SECONDS)
    finally:
        scene.link.heal()
    recovery = await scene.recover()
    return Struck(figures={"the other worker ended the tick meanwhile": over, f"recovery of {scene.name}": recovery})


async def broker_away(cluster: Cluster, scenes: Sequence[Scene], rng: random.Random, outage: Outage) -> Struck:
    """A broker with every role goes away while all are in the middle of ticks; they go on without it.

    One that is frozen comes back before that, as one that believes that it still leads.
    """
    struck = Struck()
    await _prepare(cluster, scenes)
    broker, struck.figures["roles of the broker"] = await _busiest(cluster, scenes)
    try:
        async with _halfway(scenes, rng):
            await cluster.brokers[broker].take_away(outage)
        seconds = _FROZEN_SECONDS if outage == "frozen" else _OUTAGE_SECONDS
        over = await asyncio.gather(*(scene.wait_for_day(seconds) for scene in scenes))
    finally:
        await cluster.brokers[broker].start()
    if outage != "frozen" and not all(over):
        struck.wrong.append(f"without broker {broker} some did not go on: {over}")
    return await _recovered(struck, scenes)


async def too_few_left(cluster: Cluster, scenes: Sequence[Scene], rng: random.Random) -> Struck:
    """In the middle of ticks Kafka refuses writes for want of replicas in sync; then it loses a second broker too.

    At first the brokers still answer. Without a majority of its controllers Kafka can't do anything.
    """
    await cluster.create_topic(_NOBODYS)
    await _prepare(cluster, scenes)
    await cluster.require_in_sync(BROKERS)
    struck = Struck()
    pair = [cluster.brokers[index] for index in rng.sample(range(BROKERS), 2)]
    try:
        async with _halfway(scenes, rng):
            await pair[0].kill()
        struck.wrong.extend(await _standstill(scenes, _REFUSED_SECONDS))
        if not await cluster.wait_for_refusal(_NOBODYS, "NotEnoughReplicasError"):
            struck.wrong.append("Kafka refused nothing for want of replicas")
        await pair[1].kill()
        struck.wrong.extend(await _standstill(scenes, _DEAD_SECONDS))
    finally:
        # Side by side: each waits for a majority.
        await asyncio.gather(*(broker.start() for broker in pair))
    await _recovered(struck, scenes)
    await cluster.require_in_sync(BROKERS - 1)
    return struck


async def _prepare(cluster: Cluster, scenes: Sequence[Scene]) -> None:
    await asyncio.gather(cluster.wait_until_whole(), *(scene.settle() for scene in scenes))


@asynccontextmanager
async def _halfway(scenes: Sequence[Scene], rng: random.Random) -> AsyncIterator[None]:
    """One worker of each stands still in the middle of a tick: some strikes take longer than what is left of it."""

    async def reach(scene: Scene) -> None:
        await scene.reach_tick(rng.randint(_FEWEST, _MOST))
        scene.away.pause()
        assert await scene.begun(), f"{scene.name}: the tick was over before the strike"

    try:
        await asyncio.gather(*map(reach, scenes))
        yield
    finally:
        for scene in scenes:
            scene.away.resume()


async def _standstill(scenes: Sequence[Scene], seconds: float) -> list[str]:
    """Nothing may be published meanwhile but what was under way; returns what was."""
    wrong = []
    before = [await scene.sequences("confirmed") for scene in scenes]
    over = await asyncio.gather(*(scene.wait_for_day(seconds) for scene in scenes))
    for scene, was, ended in zip(scenes, before, over, strict=True):
        now = await scene.sequences("confirmed")
        if ended or any(now[shard] > was[shard] + 1 for shard in range(PARTITIONS)):
            wrong.append(f"{scene.name} went on: confirmed {was} and then {now}")
    return wrong


async def _recovered(struck: Struck, scenes: Sequence[Scene]) -> Struck:
    seconds = await asyncio.gather(*(scene.recover() for scene in scenes))
    struck.figures.update({f"recovery of {scene.name}": each for scene, each in zip(scenes, seconds, strict=True)})
    return struck


async def _busiest(cluster: Cluster, scenes: Sequence[Scene]) -> tuple[int, dict[str, int]]:
    """The broker with most to lose, and how many of each role it has."""
    names = [scene.deployment.name for scene in scenes]
    shards = range(PARTITIONS)
    roles = {
        "partitions led": [await cluster.leader(f"{name}-activity", shard) for name in names for shard in shards],
        "groups": [await cluster.group_coordinator(name) for name in names],
        "transactional ids": [
            await cluster.transaction_coordinator(f"{name}-{shard}") for name in names for shard in shards
        ],
    }
    counts = {broker: {role: brokers.count(broker) for role, brokers in roles.items()} for broker in range(BROKERS)}
    broker = max(counts, key=lambda broker: (min(counts[broker].values()), sum(counts[broker].values())))
    assert all(counts[broker].values()), f"no broker has every role: {counts}"
    return broker, counts[broker]
