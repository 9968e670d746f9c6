"""The primary of Postgres dies in the middle of a tick and its standby takes its place: the same worker goes on."""

import random
from dataclasses import replace

from tests.campaigns.outage_scene import Scene, last_day, scene
from tests.fault.postgres.pair import Pair, primary_with_standby
from tests.harness.restartable import Outage
from tests.harness.temporary import Services
from tests.harness.waiting import wait_for_event, wait_for_pause

# With two shards of 16 chunks on each of the first two days, these are in the middle of the second day's tick.
STEPS = ("tick 3|before", "tick 3|after", "tick 6|after", "publish 3|after", "publish 4|after")
TIMES = range(21, 26)


async def run(services: Services, rng: random.Random, outage: Outage) -> list[str]:
    """Three days; in the tick of the second one the primary goes for good.

    One that is killed refuses connections; one that is frozen takes them and says nothing, as where packets are lost.
    """
    point = f"{rng.choice(STEPS)}|{rng.choice(TIMES)}"
    async with primary_with_standby(services.folder) as pair:
        own = replace(services, postgres_admin_dsn=pair.dsn)
        async with scene(own, f"failover {outage}") as each:
            await each.start(pauses=f"{point}|stop")
            await each.produce(1)
            await each.ends(1)
            try:
                await strike(each, pair, outage, point)
                await each.ends(2)
                wrong = await last_day(3, each)
            finally:
                # The tests' own clients would wait for one that is frozen.
                await pair.primary.kill()
            if not each.worker.events("shard_interrupted"):
                wrong.append(f"{outage}: nothing was interrupted")
            return wrong


async def strike(each: Scene, pair: Pair, outage: Outage, point: str) -> None:
    """Take the primary away while the worker stands still at the point, and promote the standby a moment later."""
    await each.produce(2)
    assert await wait_for_pause(each.worker) == point
    assert await each.is_within_tick(), f"no tick is under way at {point}"
    await pair.primary.take_away(outage)
    each.worker.resume()
    # It has met the loss before there is anybody to go to.
    await wait_for_event(each.worker, "shard_interrupted")
    await pair.promote()
