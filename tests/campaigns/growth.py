"""From 4 to 12 partitions while ticks and activity go on and workers die: users move as their records come.

Producers who know the new partitions send users elsewhere than before. Once with `engage init` right after the topic
has grown, and once late: when the group has long given the new partitions to workers, who can't do anything with them.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from tests.campaigns import load
from tests.campaigns.crew import Crew
from tests.campaigns.moves import EXACT, come_home, play_day
from tests.campaigns.outcome import Outcome
from tests.campaigns.rounds import Rounds
from tests.conditions import eventually
from tests.harness.deployment import Deployment
from tests.harness.feed import Feed, by_key
from tests.harness.temporary import Services, side_by_side, temporary_deployment
from tests.trace.kills import points

BEFORE, AFTER = 4, 12
# They must be taken within a minute; how long it took is reported. This is only for how long to wait.
_TAKEN_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class Size:
    """Days before the topic grows, from then until `engage init` where it comes late, and with 12 partitions.

    Kills begin when it has grown, at the latest when a step is taken for the time ``latest_kill``.
    """

    users: int
    days_before: int
    days_late: int
    days_after: int
    workers: int
    kills: int
    latest_kill: int
    chunk_users: int


FULL = Size(users=4_000, days_before=4, days_late=4, days_after=8, workers=3, kills=6, latest_kill=12, chunk_users=100)
SLICE = Size(users=300, days_before=1, days_late=1, days_after=2, workers=2, kills=2, latest_kill=6, chunk_users=20)


async def run(services: Services, *, seed: int, full: bool) -> Outcome:
    """Both cases side by side."""
    size = FULL if full else SLICE
    jobs = {
        case: partial(_run, services, case, size, seed=seed, late=late)
        for case, late in (("growth", False), ("late init", True))
    }
    async with side_by_side(jobs, len(jobs)) as tasks:
        outcomes = {case: await task for case, task in tasks.items()}
    return Outcome(
        [f"{case}: {difference}" for case, outcome in outcomes.items() for difference in outcome.differences],
        {f"{case}, {name}": value for case, outcome in outcomes.items() for name, value in outcome.figures.items()},
    )


async def _run(services: Services, case: str, size: Size, *, seed: int, late: bool) -> Outcome:
    started = time.monotonic()
    async with temporary_deployment(services, case, partitions=BEFORE, variables=load.VARIABLES) as deployment:
        crew = Crew(
            deployment,
            size.workers,
            chunk_users=size.chunk_users,
            points=points(f"{case} {seed}", size.latest_kill),
            kills=0,
        )
        async with Feed(deployment) as feed:
            story = _Story(deployment, feed, size, seed)
            async with crew:
                taken_seconds = await story.play(crew, late=late)
            judged, differences = await story.rounds.judge(load.THRESHOLDS, exact=EXACT)
    shards = [asked.mark.shards for asked in story.rounds.ticks]
    differences += [*crew.trouble, *_wrong_shards(shards)]
    if not any(judged.moving[size.days_before :]):
        differences.append("no user moved, which proves nothing")
    return Outcome(
        differences,
        {
            "activity records": len(feed.produced) - len(shards),
            "shards by tick": shards,
            "messages by tick": judged.messages,
            "moving users by tick": judged.moving,
            "killed at": crew.killed,
            "new shards taken after seconds": round(taken_seconds, 1),
            "seconds": round(time.monotonic() - started, 1),
        },
    )


class _Story:
    """A crowd's days, in which the topic grows."""

    def __init__(self, deployment: Deployment, feed: Feed, size: Size, seed: int) -> None:
        self.rounds = Rounds(deployment, feed)
        self._deployment = deployment
        self._feed = feed
        self._size = size
        self._random = random.Random(seed)
        self._crowd = load.Crowd(size.users, seed)
        self._one_of_each: dict[str, load.Event] = {}

    async def play(self, crew: Crew, *, late: bool) -> float:
        """All of it; returns after how many seconds the new shards were taken."""
        await self._days(self._size.days_before)
        await grow(self._deployment, self._feed, AFTER)
        # At once, so that the group takes notice of the new partitions in the middle of all this; later, others follow.
        crew.kill_one(self._size.kills - 1)
        if late:
            await _wait_until_assigned(crew, AFTER)
            await self._days(self._size.days_late)
        await asyncio.to_thread(self._deployment.init)
        taking = asyncio.create_task(_wait_until_taken(self._deployment, AFTER), name="wait until shards are taken")
        await self._days(self._size.days_after)
        taken_seconds = await taking
        events = self._next_day()
        await self._feed.activity(events)
        await come_home(self._feed, self.rounds, self._crowd, self._one_of_each.values())
        return taken_seconds

    async def _days(self, number: int) -> None:
        for _ in range(number):
            events = self._next_day()
            await play_day(self._feed, self.rounds, self._crowd.midnight, events, by_key, self._random)

    def _next_day(self) -> list[load.Event]:
        events = self._crowd.next_day()
        self._one_of_each |= {event["user_id"]: event for event in events}
        return events


async def grow(deployment: Deployment, feed: Feed, partitions: int) -> None:
    """Give the activity topic so many partitions, and wait until the producer knows them."""
    admin = AIOKafkaAdminClient(bootstrap_servers=deployment.kafka)
    await admin.start()
    try:
        await admin.create_partitions({feed.activity_topic: NewPartitions(partitions)})
    finally:
        await admin.close()
    await feed.wait_for_partitions(partitions)


async def _wait_until_assigned(crew: Crew, partitions: int) -> None:
    """Wait until the group has given all partitions to the workers."""

    async def assigned() -> None:
        given: set[int] = set()
        for worker in crew.present:
            assignments = worker.events("shards_assigned")
            given |= set(assignments[-1]["shards"]) if assignments else set()
        assert given == set(range(partitions)), f"the group has given {sorted(given)}"

    await eventually(assigned, _TAKEN_SECONDS)


async def _wait_until_taken(deployment: Deployment, shards: int) -> float:
    """Wait until each shard has had an owner; returns after how many seconds."""
    started = time.monotonic()
    connection = await asyncpg.connect(deployment.dsn)

    async def taken() -> None:
        owned = await connection.fetchval("SELECT count(*) FROM engagement.shard WHERE epoch > 0")
        assert owned == shards, f"{owned} of {shards} shards were taken"

    try:
        await eventually(taken, _TAKEN_SECONDS)
    finally:
        await connection.close()
    return time.monotonic() - started


def _wrong_shards(shards: Sequence[int]) -> list[str]:
    """The number of shards of each tick: first the old ones, in the end all."""
    if list(shards) == sorted(shards) and {*shards} == {BEFORE, AFTER} and shards[-EXACT:] == [AFTER] * EXACT:
        return []
    return [f"the cycles had {shards} shards"]
