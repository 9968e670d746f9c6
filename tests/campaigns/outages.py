"""Kafka or Postgres goes away and comes back: the same processes go on, and nothing is lost or repeated.

Each of the two goes away three times: stopped, killed, frozen. Two deployments are struck each time: one in the middle
of a tick, the other one, of two workers, while it has nothing to do. Each has a Kafka or Postgres of its own.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial

from tests.campaigns.lost_commits import commits_lost
from tests.campaigns.outage_scene import Scene, last_day, scene
from tests.campaigns.outcome import Outcome
from tests.harness.restartable import Outage, restartable_kafka, restartable_postgres
from tests.harness.temporary import Services, side_by_side
from tests.harness.waiting import wait_for_pause

_FULL_SECONDS = 60.0
_SLICE_SECONDS = 5.0
# A frozen service is noticed by deadlines only: 10 s for a call to Kafka, 20 s for one to Postgres.
_KAFKA_FROZEN_SECONDS, _POSTGRES_FROZEN_SECONDS = 15.0, 25.0

# By the day on which it happens: the outage, and which time the busy worker does a step, counted from its start, when
# it is in the middle of that day's tick. Its two shards have 16 chunks on each of the first two days, then 32 and 38;
# what it repeats after an outage comes on top.
_PLAN: dict[int, tuple[Outage, range]] = {
    2: ("stopped", range(21, 26)),
    3: ("killed", range(42, 50)),
    4: ("frozen", range(84, 96)),
}
_WHEN_KAFKA_GOES = ("publish 1|after", "publish 2|after", "publish 3|before", "publish 3|after", "tick 6|after")
_WHEN_POSTGRES_GOES = ("tick 3|before", "tick 3|after", "tick 6|after", "publish 3|after", "publish 4|after")


async def run(services: Services, *, seed: int, full: bool) -> Outcome:
    """All cases, side by side. ``full``: with outages of a minute, else of some seconds."""
    async with side_by_side(jobs(services, seed=seed, full=full), len(CASES)) as tasks:
        outcomes = {name: await task for name, task in tasks.items()}
    return Outcome(
        [f"{name}: {text}" for name, outcome in outcomes.items() for text in outcome.differences],
        {f"{name}: {figure}": value for name, outcome in outcomes.items() for figure, value in outcome.figures.items()},
    )


def jobs(services: Services, *, seed: int, full: bool) -> dict[str, Callable[[], Awaitable[Outcome]]]:
    """The cases by name."""
    return {name: partial(_run_case, services, name, random.Random(f"{seed}/{name}"), full) for name in CASES}


async def _run_case(services: Services, name: str, rng: random.Random, full: bool) -> Outcome:
    folder = services.folder / name.replace(" ", "-")
    folder.mkdir()
    return await CASES[name](replace(services, folder=folder), rng, full)


async def kafka_away(services: Services, rng: random.Random, full: bool) -> Outcome:
    """Kafka goes away while a tick is published, and while there is nothing to do. Nothing can be produced then."""
    figures: dict[str, object] = {}
    async with AsyncExitStack() as opened:
        servers, kafka = await opened.enter_async_context(restartable_kafka(services.folder))
        busy, idle, points = await _two_scenes(replace(services, kafka=servers), opened, rng, _WHEN_KAFKA_GOES)
        for day, point in points.items():
            outage, _ = _PLAN[day]
            await _halfway(busy, day, point)
            async with kafka.away(outage):
                busy.worker.resume()
                await asyncio.sleep(_seconds(outage, full, _KAFKA_FROZEN_SECONDS))
            back = time.monotonic()
            await idle.produce(day)
            figures |= await _recovered(busy, idle, day, back)
        wrong = await last_day(max(_PLAN) + 1, busy, idle)
    return Outcome(wrong + _unnoticed(busy), figures)


async def postgres_away(services: Services, rng: random.Random, full: bool) -> Outcome:
    """Postgres goes away while a tick is decided, and before one comes. Everybody stays in the group."""
    figures: dict[str, object] = {}
    async with AsyncExitStack() as opened:
        dsn, postgres = await opened.enter_async_context(restartable_postgres(services.folder))
        own = replace(services, postgres_admin_dsn=dsn)
        busy, idle, points = await _two_scenes(own, opened, rng, _WHEN_POSTGRES_GOES)
        memberships = [await _memberships(busy, idle)]
        for day, point in points.items():
            outage, _ = _PLAN[day]
            await _halfway(busy, day, point)
            async with postgres.away(outage):
                busy.worker.resume()
                await busy.repeat_activity()
                await idle.produce(day)
                await asyncio.sleep(_seconds(outage, full, _POSTGRES_FROZEN_SECONDS))
                memberships.append(await _memberships(busy, idle))
            figures |= await _recovered(busy, idle, day, time.monotonic())
            memberships.append(await _memberships(busy, idle))
        wrong = await last_day(max(_PLAN) + 1, busy, idle)
    wrong += _unnoticed(busy)
    if any(later != memberships[0] for later in memberships):
        wrong.append(f"the groups before, during and after the outages: {memberships}")
    return Outcome(wrong, figures)


CASES: dict[str, Callable[[Services, random.Random, bool], Awaitable[Outcome]]] = {
    "kafka away": kafka_away,
    "postgres away": postgres_away,
    "commits lost": commits_lost,
}


def _seconds(outage: Outage, full: bool, frozen: float) -> float:
    if full:
        return _FULL_SECONDS
    return frozen if outage == "frozen" else _SLICE_SECONDS


async def _two_scenes(
    services: Services, opened: AsyncExitStack, rng: random.Random, steps: tuple[str, ...]
) -> tuple[Scene, Scene, dict[int, str]]:
    """The busy and the idle one at the end of the first day; and where the busy one will stand still, by day."""
    points = {
        day: f"{step}|{rng.choice(times)}"
        for (day, (_, times)), step in zip(_PLAN.items(), rng.sample(steps, len(_PLAN)), strict=True)
    }
    busy, idle = [await opened.enter_async_context(scene(services, name)) for name in ("busy", "idle")]
    pauses = ",".join(f"{point}|stop" for point in points.values())
    await asyncio.gather(busy.start(pauses=pauses), idle.start(workers=2))
    for each in (busy, idle):
        await each.produce(1)
        await each.ends(1)
    return busy, idle, points


async def _halfway(busy: Scene, day: int, point: str) -> None:
    """Let the busy one stand still in the middle of the day's tick."""
    busy.worker.crash_file.unlink(missing_ok=True)
    await busy.produce(day)
    assert await wait_for_pause(busy.worker) == point
    assert await busy.is_within_tick(), f"no tick is under way at {point}"


async def _memberships(*scenes: Scene) -> list[object]:
    return [await each.membership() for each in scenes]


async def _recovered(busy: Scene, idle: Scene, day: int, back: float) -> dict[str, object]:
    """Wait for the tick that was disturbed, and for the one that came meanwhile or right afterwards."""

    async def seconds(of: Scene) -> float:
        await of.ends(day)
        return round(time.monotonic() - back, 1)

    disturbed, following = await asyncio.gather(seconds(busy), seconds(idle))
    outage, _ = _PLAN[day]
    return {f"{outage}: seconds to the disturbed cycle": disturbed, f"{outage}: seconds to the next one": following}


def _unnoticed(busy: Scene) -> list[str]:
    """Outages that interrupted nothing would prove nothing; one that is frozen shows by a deadline only."""
    reasons = [event["reason"] for event in busy.worker.events("shard_interrupted")]
    expired = [reason for reason in reasons if "did not answer within" in reason or "TimeoutError" in reason]
    if len(reasons) >= len(_PLAN) and expired:
        return []
    return [f"{busy.name}: of {len(_PLAN)} outages, these interrupted a shard: {reasons}"]
