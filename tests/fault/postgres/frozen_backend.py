"""One process of Postgres freezes, as on a bad disk, while the server goes on: its connection is thrown away."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg

from tests.campaigns.outage_scene import Scene, last_day, scene
from tests.conditions import eventually
from tests.harness.restartable import restartable_postgres
from tests.harness.temporary import Services
from tests.harness.waiting import SECONDS, wait_for_event, wait_for_pause

# In the middle of the second day's tick, with the shard's row locked and the chunk's decisions written.
_WITHIN = "tick 3|after|24"
# What a call may take is 20 s, and its rollback as much; Postgres answers all others meanwhile.
STUCK_EXIT_SECONDS = 120
_NO_ANSWER = "TimeoutError"


async def run(services: Services, _rng: random.Random) -> list[str]:
    """Both cases beside one another; a server of their own, as a frozen process holds up more than its client."""
    async with restartable_postgres(services.folder) as (dsn, _):
        own = replace(services, postgres_admin_dsn=dsn)
        async with (
            scene(own, "frozen idle", STUCK_EXIT_SECONDS) as idle,
            scene(own, "frozen within", STUCK_EXIT_SECONDS) as within,
        ):
            frozen_idle, frozen_within = await asyncio.gather(_between(idle), _within(within))
            return [*frozen_idle, *frozen_within]


async def _between(each: Scene) -> list[str]:
    """Frozen between two transactions: it has no locks, and nobody needs it ever again."""
    await each.start()
    await each.produce(1)
    await each.ends(1)
    async with _frozen(each, "idle"):
        await each.produce(2)
        await each.ends(2)
        return await last_day(3, each) + _unnoticed(each)


async def _within(each: Scene) -> list[str]:
    """Frozen within a transaction: the other shard goes on; this one does so when the locks have fallen."""
    await each.start(pauses=f"{_WITHIN}|stop")
    await each.produce(1)
    await each.ends(1)
    await each.produce(2)
    assert await wait_for_pause(each.worker) == _WITHIN
    async with _frozen(each, "idle in transaction"):
        each.worker.resume()
        await wait_for_event(each.worker, "shard_interrupted")
        [stuck] = {event["shard"] for event in each.worker.events("shard_interrupted")}

        async def the_other_is_done() -> None:
            rows = await each.shards()
            assert [number for number, row in rows.items() if row["begun_offset"] is not None] == [stuck]

        await eventually(the_other_is_done, SECONDS)
    await each.ends(2)
    return await last_day(3, each) + _unnoticed(each)


@asynccontextmanager
async def _frozen(each: Scene, state: str) -> AsyncIterator[None]:
    """SIGSTOP to the process of the worker's session in this state that was used last."""
    connection = await asyncpg.connect(each.deployment.dsn)
    try:
        pid = await connection.fetchval(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state = $1"
            " AND application_name = 'engagement-engine' ORDER BY state_change DESC LIMIT 1",
            state,
        )
    finally:
        await connection.close()
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _unnoticed(each: Scene) -> list[str]:
    reasons = [event["reason"] for event in each.worker.events("shard_interrupted")]
    return [] if any(_NO_ANSWER in reason for reason in reasons) else [f"{each.name}: no call timed out, but {reasons}"]
