"""Postgres is killed and forgets asynchronous commits: the stored position goes back behind that of the worker.

Four shards of two deployments have taken in all their activity when it happens. In one of them the next thing to come
is a tick, in the other one activity: only the fence can tell them. A third deployment is taking in activity just then.
"""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from itertools import count
from typing import Any

from tests.campaigns.outage_scene import PARTITIONS, Scene, active, entries, last_day, scene
from tests.campaigns.outcome import Outcome
from tests.conditions import eventually
from tests.harness import crowd
from tests.harness.deployment import Worker
from tests.harness.restartable import restartable_postgres, unwritten_commits
from tests.harness.temporary import Services
from tests.harness.waiting import SECONDS, wait_for_event

_STORED_ELSEWHERE = re.compile(r"shard (\d+) is stored at (-?\d+), not at (\d+)")
# Well below the 4 MiB that Postgres' memory holds of what is not written: 0.1 s of 20 users are some 10 KiB.
_ROUND_USERS = 20
_ROUND_SECONDS = 0.1
_ROUNDS_BEFORE = 5

Positions = dict[int, int]


async def commits_lost(services: Services, _rng: random.Random, _full: bool) -> Outcome:
    """Commits are forgotten; the fence notices where nobody else does, and what is gone is read again."""
    async with AsyncExitStack() as opened:
        dsn, postgres = await opened.enter_async_context(restartable_postgres(services.folder))
        own = replace(services, postgres_admin_dsn=dsn)
        names = ("tick first", "activity first", "busy")
        scenes = [await opened.enter_async_context(scene(own, name)) for name in names]
        tick_first, activity_first, busy = scenes
        await asyncio.gather(*(_first_day(each) for each in scenes))
        async with unwritten_commits(dsn):
            for each in scenes:
                await each.feed.activity(_second_day())
                await _all_taken_in(each)
            held = [await _positions(each) for each in (tick_first, activity_first)]
            async with _steady_activity(busy):
                async with postgres.away("killed"):
                    pass
                stored = [await _positions(each) for each in (tick_first, activity_first)]
                await wait_for_event(busy.worker, "shard_taken_over", 2 * PARTITIONS)
        await activity_first.feed.activity(crowd.late_events())
        await wait_for_event(activity_first.worker, "shard_lost", PARTITIONS)
        for each in scenes:
            await each.feed.tick(crowd.midnight(3), "day 2")
        await asyncio.gather(*(each.ends(2) for each in scenes))
        wrong = await last_day(3, *scenes)
        wrong += _unnoticed(tick_first, stored[0], held[0]) + _unnoticed(activity_first, stored[1], held[1])
        went_back = _went_back(busy.worker)
    if not went_back:
        wrong.append("busy: no commit was lost")
    lost = sum(sum(before.values()) - sum(after.values()) for before, after in zip(held, stored, strict=True))
    return Outcome(wrong, {"records to be read again": lost, "records to be read again, busy": sum(went_back)})


async def _first_day(of: Scene) -> None:
    await of.start()
    await of.produce(1)
    await of.ends(1)


def _second_day() -> Iterator[dict[str, Any]]:
    """Without bad records, since dead letters are committed at once; without these the next tick would differ."""
    yield from crowd.latecomers()
    yield from crowd.staying_awake()
    for n in range(0, 100, 2):
        yield active(f"old{n}", "2024-05-02T23:30:00Z")


@asynccontextmanager
async def _steady_activity(busy: Scene) -> AsyncIterator[None]:
    """Activity comes all the time, and has done so for a while."""
    worker, over = busy.worker, asyncio.Event()

    async def feed() -> None:
        for number in count():
            await busy.feed.activity(active(f"busy{number}-{n}", "2024-05-02T10:00:00Z") for n in range(_ROUND_USERS))
            try:
                async with asyncio.timeout(_ROUND_SECONDS):
                    await over.wait()
            except TimeoutError:
                continue
            return

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(feed())
        batches = len(worker.events("batch_committed")) + _ROUNDS_BEFORE * PARTITIONS
        await wait_for_event(worker, "batch_committed", batches)
        try:
            yield
        finally:
            over.set()


async def _positions(of: Scene) -> Positions:
    """What is stored, by shard."""
    return {number: row["position"] for number, row in (await of.shards()).items()}


async def _all_taken_in(of: Scene) -> None:
    topic = of.feed.activity_topic
    ends = {record.partition: record.offset + 1 for record in of.feed.produced if record.topic == topic}

    async def check() -> None:
        assert await _positions(of) == ends

    await eventually(check, SECONDS)


def _unnoticed(of: Scene, stored: Positions, held: Positions) -> list[str]:
    """Shards of which no commit was lost; and losses without a refusal by the fence that names both positions."""
    reasons = [_STORED_ELSEWHERE.fullmatch(event["reason"]) for event in of.worker.events("shard_lost")]
    noticed = {int(found[1]): (int(found[2]), int(found[3])) for found in reasons if found}
    wrong = [f"{of.name}: shard {shard} lost no commit" for shard in held if stored[shard] >= held[shard]]
    if noticed != {shard: (stored[shard], held[shard]) for shard in held}:
        wrong.append(f"{of.name}: stored at {stored} instead of {held}, and the fence noticed {noticed}")
    return wrong


def _went_back(worker: Worker) -> list[int]:
    """By how much the worker's stored positions went back, wherever it took a shard over again."""
    known: Positions = {}
    back = []
    for entry in entries(worker):
        if entry["event"] == "batch_committed":
            known[entry["shard"]] = entry["position"]
        elif entry["event"] == "shard_taken_over":
            back.append(known.get(entry["shard"], entry["position"]) - entry["position"])
    return [distance for distance in back if distance > 0]
