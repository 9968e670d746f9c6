"""A fifth of all activity arrives in a random partition, so that users move from shard to shard, while workers die.

Each day's activity comes before its tick, a part of it while that is evaluated. When the moves are over, every user has
a record in the partition where they belong, and the cycles from then on are exact.
"""

import random
import time
from collections.abc import Iterable
from dataclasses import dataclass

from tests.campaigns import load
from tests.campaigns.crew import Crew
from tests.campaigns.outcome import Outcome
from tests.campaigns.rounds import Rounds
from tests.harness.deployment import Deployment
from tests.harness.feed import Feed, Place
from tests.harness.temporary import Services, temporary_deployment
from tests.trace.kills import points

ASTRAY = 0.2
"""The part of all records that goes to a random partition."""
LATE = 0.1
"""The part of a day's activity that comes after its tick was produced."""
EXACT = 2
"""Cycles after the moves."""


@dataclass(frozen=True, slots=True)
class Size:
    """``days``: ticks with moves. ``latest_kill``: how often a step is taken before it kills, at most."""

    users: int
    days: int
    partitions: int
    workers: int
    kills: int
    latest_kill: int
    chunk_users: int


FULL = Size(users=6_000, days=20, partitions=8, workers=3, kills=10, latest_kill=30, chunk_users=100)
SLICE = Size(users=400, days=4, partitions=4, workers=2, kills=2, latest_kill=6, chunk_users=20)


async def run(services: Services, *, seed: int, full: bool) -> Outcome:
    """Days with moves, then days without."""
    size = FULL if full else SLICE
    started = time.monotonic()
    async with temporary_deployment(
        services, "moves", partitions=size.partitions, variables=load.VARIABLES
    ) as deployment:
        crew = Crew(
            deployment,
            size.workers,
            chunk_users=size.chunk_users,
            points=points(f"moves {seed}", size.latest_kill),
            kills=size.kills,
        )
        async with Feed(deployment) as feed:
            rounds = Rounds(deployment, feed)
            async with crew:
                await _play(deployment, feed, rounds, size, seed)
            judged, differences = await rounds.judge(load.THRESHOLDS, exact=EXACT)
    differences += crew.trouble
    if len(crew.killed) * 2 < size.kills:
        differences.append(f"only {len(crew.killed)} of {size.kills} kills happened")
    if not all(judged.moving[1 : size.days]):
        differences.append(f"no user moved on some day, which proves nothing: {judged.moving}")
    return Outcome(
        differences,
        {
            "activity records": len(feed.produced) - len(rounds.ticks),
            "messages by tick": judged.messages,
            "moving users by tick": judged.moving,
            "moves": sum(judged.moving),
            "killed at": crew.killed,
            "seconds": round(time.monotonic() - started, 1),
        },
    )


async def _play(deployment: Deployment, feed: Feed, rounds: Rounds, size: Size, seed: int) -> None:
    rng = random.Random(seed)
    crowd = load.Crowd(size.users, seed)
    place = astray(rng, deployment.partitions)
    one_of_each: dict[str, load.Event] = {}
    for _ in range(size.days):
        events = crowd.next_day()
        one_of_each |= {event["user_id"]: event for event in events}
        await play_day(feed, rounds, crowd.midnight, events, place, rng)
    events = crowd.next_day()
    one_of_each |= {event["user_id"]: event for event in events}
    await feed.activity(events, place)
    await come_home(feed, rounds, crowd, one_of_each.values())


async def come_home(feed: Feed, rounds: Rounds, crowd: load.Crowd, one_of_each: Iterable[load.Event]) -> None:
    """An event of each user where it belongs, and when all is taken in, the day's tick; one more day without moves."""
    await rounds.wait_until_taken_in()
    # They are repeats, which change nothing but where their users are.
    await feed.activity(one_of_each)
    await rounds.wait_until_taken_in()
    await rounds.tick(crowd.midnight)
    await feed.activity(crowd.next_day())
    await rounds.tick(crowd.midnight)


async def play_day(
    feed: Feed, rounds: Rounds, midnight: str, events: list[load.Event], place: Place, rng: random.Random
) -> None:
    """Most of the day's activity, its tick, and the rest while that is evaluated."""
    rng.shuffle(events)
    late = round(len(events) * LATE)
    await feed.activity(events[late:], place)
    await rounds.tick(midnight, meanwhile=events[:late], place=place)


def astray(rng: random.Random, partitions: int) -> Place:
    """Most records where they belong, some anywhere."""
    return lambda _key: rng.randrange(partitions) if rng.random() < ASTRAY else None
