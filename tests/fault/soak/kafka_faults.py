"""Faults of brokers, and of the workers' links to Kafka and Postgres."""

import asyncio
import time
from collections.abc import Callable
from functools import partial

from tests.fault.cluster.cluster import Cluster
from tests.fault.cluster.proxy import Proxy, Silent
from tests.fault.soak.kinds import KIND_NAMES
from tests.fault.soak.scene import MissedError, Scene, Strike, Struck
from tests.fault.soak.schedule import PlannedFault
from tests.harness.deployment import Deployment
from tests.harness.restartable import Outage

_ROLES = ("activity", "ticks", "messages", "cycles", "progress")
_WHOLE_SECONDS, _ASK_SECONDS = 8.0, 5.0
_WAYS: tuple[Silent, ...] = ("both", "to_server", "to_client")


async def broker(scene: Scene, planned: PlannedFault, *, outage: Outage) -> Struck:
    """One broker at a time: the others have to have all that it has."""
    await _whole(scene.cluster)
    number, what = await _whom(scene.deployment, scene.cluster, planned)
    begun = time.monotonic()
    async with scene.cluster.brokers[number].away(outage):
        await scene.hold(planned)
    return Struck(begun, time.monotonic(), f"broker {number}, {what}")


async def _whom(deployment: Deployment, cluster: Cluster, planned: PlannedFault) -> tuple[int, str]:
    """The number of the broker that has the role now, and the role in full."""
    partition = int(planned.chance * deployment.partitions)
    role = _ROLES[int(planned.chance * 997) % len(_ROLES)]
    try:
        async with asyncio.timeout(_ASK_SECONDS):
            if planned.target == "leader":
                partition = 0 if role in ("ticks", "cycles") else partition
                return await cluster.leader(deployment.topic(role), partition), f"leader of {role} {partition}"
            if planned.target == "group coordinator":
                return await cluster.group_coordinator(deployment.name), "group coordinator"
            transactional_id = f"{deployment.name}-{partition}"
            return await cluster.transaction_coordinator(transactional_id), f"coordinator of shard {partition}"
    except (AssertionError, TimeoutError) as error:
        raise MissedError(f"nobody is {planned.target}") from error


async def _whole(cluster: Cluster) -> None:
    try:
        async with asyncio.timeout(_WHOLE_SECONDS):
            await cluster.wait_until_whole()
    except (AssertionError, TimeoutError) as error:
        raise MissedError("a replica is not in sync") from error


async def kafka_link(scene: Scene, planned: PlannedFault, *, verb: str) -> Struck:
    """The worker's way to all brokers, or to one of them only."""
    proxies = scene.cluster.links[_number(planned)].proxies
    chosen = [*proxies, None][int(planned.chance * 997) % (len(proxies) + 1)]
    which = "to all brokers" if chosen is None else f"to broker {proxies.index(chosen)}"
    return await _hurt(scene, planned, list(proxies) if chosen is None else [chosen], verb, which)


async def postgres_link(scene: Scene, planned: PlannedFault, *, verb: str) -> Struck:
    return await _hurt(scene, planned, [scene.postgres_links[_number(planned)]], verb, "to Postgres")


async def _hurt(scene: Scene, planned: PlannedFault, proxies: list[Proxy], verb: str, which: str) -> Struck:
    how, details = _verbs(planned.chance)[verb]
    begun = time.monotonic()
    for proxy in proxies:
        how(proxy)
    try:
        await scene.hold(planned)
    finally:
        for proxy in proxies:
            proxy.heal()
    return Struck(begun, time.monotonic(), f"{which}, {details}")


def _verbs(chance: float) -> dict[str, tuple[Callable[[Proxy], None], str]]:
    """What each word does to a proxy, and how much of it."""
    silent = _WAYS[int(chance * len(_WAYS))]
    seconds = round(0.1 + 0.9 * chance, 2)
    rate = round(10_000 + 90_000 * chance)
    return {
        "cut": (lambda proxy: proxy.cut(), "all connections reset"),
        "half-open": (lambda proxy: proxy.half_open(silent), f"silent: {silent}"),
        "delayed": (lambda proxy: proxy.delay(seconds), f"{seconds} s each way"),
        "throttled": (lambda proxy: proxy.throttle(rate), f"{rate} bytes a second"),
        "closing slowly": (lambda proxy: proxy.slow_close(1 + 4 * seconds), f"heard {1 + 4 * seconds:.1f} s later"),
    }


def _number(planned: PlannedFault) -> int:
    return int(planned.target.rpartition(" ")[2])


def _strike(name: str) -> Strike | None:
    outages: tuple[Outage, ...] = ("stopped", "killed", "frozen")
    for outage in outages:
        if name.endswith(f"coordinator {outage}") or name == f"leader {outage}":
            return partial(broker, outage=outage)
    for prefix, link in (("link to Kafka ", kafka_link), ("link to Postgres ", postgres_link)):
        if name.startswith(prefix):
            return partial(link, verb=name.removeprefix(prefix))
    return None


STRIKES: dict[str, Strike] = {name: strike for name in KIND_NAMES if (strike := _strike(name)) is not None}
