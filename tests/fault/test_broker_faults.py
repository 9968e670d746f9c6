"""Brokers go away, and the network to them is cut, falls silent, dawdles or is narrow, in the middle of ticks.

Three deployments of two workers each share a cluster of three brokers. One worker of each takes a link of its own to
the brokers, which is hurt while the other worker is fine. The same processes go on, and what comes out is as if nothing
had happened.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial

import pytest

from tests.fault.cluster.cluster import LINKS, Cluster, three_brokers
from tests.fault.cluster.scene import Scene, scene
from tests.fault.cluster.strikes import Hurt, Struck, broker_away, hurt_link, too_few_left
from tests.harness.temporary import Services, side_by_side

SEED = 1
# One strike after the other, on a machine that does other things too; the first test waits for what lies before it.
pytestmark = pytest.mark.timeout(600)

Strike = Callable[[Cluster, Sequence[Scene], random.Random], Awaitable[Struck]]


async def cut(scene: Scene) -> None:
    scene.link.cut()


async def silent(scene: Scene) -> None:
    scene.link.half_open()


async def deaf(scene: Scene) -> None:
    scene.link.half_open("to_client")


async def slow(scene: Scene) -> None:
    scene.link.delay(0.5)


async def narrow(scene: Scene) -> None:
    scene.link.throttle(20_000)


async def silent_coordinator(scene: Scene) -> None:
    scene.link.proxies[await scene.cluster.group_coordinator(scene.name)].half_open()


# By strike: what happens to the link of each deployment at the same time.
LINK_FAULTS: dict[str, Sequence[Hurt]] = {
    "links are cut, silent, and silent in one direction": (cut, silent, deaf),
    "links are slow, narrow, and silent to the group coordinator": (slow, narrow, silent_coordinator),
}


async def hurt_links(hurts: Sequence[Hurt], cluster: Cluster, scenes: Sequence[Scene], rng: random.Random) -> Struck:
    struck = await asyncio.gather(
        *(hurt_link(scene, random.Random(rng.random()), hurt) for scene, hurt in zip(scenes, hurts, strict=True))
    )
    return Struck(
        [wrong for each in struck for wrong in each.wrong],
        {hurt.__name__: each.figures for hurt, each in zip(hurts, struck, strict=True)},
    )


STRIKES: dict[str, Strike] = {
    **{name: partial(hurt_links, hurts) for name, hurts in LINK_FAULTS.items()},
    "a broker is stopped": partial(broker_away, outage="stopped"),
    "a broker is killed": partial(broker_away, outage="killed"),
    "a broker is frozen": partial(broker_away, outage="frozen"),
    "too few replicas are in sync, then too few brokers": too_few_left,
}
ENDS = tuple(f"cluster-{number}" for number in range(LINKS))


@dataclass(frozen=True, slots=True)
class Played:
    """Each strike by name; and by deployment, every difference from what was promised."""

    strikes: dict[str, Struck]
    ends: dict[str, list[str]]


async def play(services: Services, rng: random.Random) -> Played:
    """All strikes in their order, and the judgement on each deployment."""
    strikes: dict[str, Struck] = {}
    async with three_brokers(services.folder / "brokers") as cluster, AsyncExitStack() as opened:
        own = replace(services, kafka=cluster.direct)
        scenes = await asyncio.gather(
            *(opened.enter_async_context(scene(own, cluster, name, link, SEED)) for link, name in enumerate(ENDS))
        )
        for name, strike in STRIKES.items():
            strikes[name] = await strike(cluster, scenes, rng)
        ends = await asyncio.gather(*(scene.end() for scene in scenes))
    return Played(strikes, dict(zip(ENDS, ends, strict=True)))


@pytest.fixture(scope="module")
async def played(services: Services) -> AsyncIterator["asyncio.Task[Played]"]:
    async with side_by_side({"all": partial(play, services, random.Random(SEED))}, 1) as tasks:
        yield tasks["all"]


@pytest.mark.parametrize("name", STRIKES)
async def test_the_same_workers_go_on_after_a_strike(
    name: str, played: "asyncio.Task[Played]", record_property: Callable[[str, object], None]
) -> None:
    struck = (await played).strikes[name]
    for what, figure in struck.figures.items():
        record_property(what, figure)
    assert struck.wrong == []


@pytest.mark.parametrize("name", ENDS)
async def test_all_strikes_together_leave_no_difference(name: str, played: "asyncio.Task[Played]") -> None:
    assert (await played).ends[name] == []
