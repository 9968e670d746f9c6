"""Workers die right before and right after each numbered step; others go on, and nothing is lost, repeated or changed.

Each step has deployments of its own. A first day passes in peace, so that there are users who were messaged. While
nobody works, the second day's input arrives: activity good and bad, ticks good, bad and stale, two of them to be left
out. Then one worker dies right before the step, the next one right after it, and a third goes on to the end of the
third day.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial

import pytest

import consumer.wiring  # noqa: F401 - importing the service defines its steps
from consumer.steps import STEPS
from tests.harness import crowd
from tests.harness.deployment import Deployment
from tests.harness.feed import Feed
from tests.harness.judgement import judge
from tests.harness.temporary import KILLED_AT, Services, side_by_side, temporary_deployment
from tests.harness.waiting import stop, wait_for_death, wait_until_cycles
from tests.oracle import barriers_in_order

# One worker mostly starts or waits for the session timeout of a dead one.
AT_ONCE = 6
# The second day's 160 due users make chunks enough for those that die in the middle.
CHUNK_USERS = 8
DAY_1, DAY_2, DAY_3 = 1, 4, 5
"""How many cycles there are at the end of each day."""


@dataclass(frozen=True, slots=True)
class Situation:
    """In which two workers die at ``step``, when they come to it for the ``nth`` time.

    ``leftovers``: where a worker died before, in the middle of the tick. Then there is one shard only, so that those
    who take it over come to the step while they do.
    """

    step: str
    nth: int = 1
    leftovers: str = ""

    def __str__(self) -> str:
        return f"{self.step} at take-over" if self.leftovers else self.step


# An entry in an open Kafka transaction; an entry that is published and not confirmed.
_OPEN, _PUBLISHED = "publish 2|after|2", "publish 3|after|2"
SITUATIONS = [
    *(Situation(f"batch {n}") for n in range(1, 5)),
    Situation("judging"),
    *(Situation(f"tick {n}") for n in range(7)),
    # The first entries hold dead letters.
    *(Situation(f"publish {n}", nth=4) for n in range(1, 5)),
    Situation("initialise"),
    *(Situation(f"take-over {n}", leftovers=_OPEN) for n in range(1, 5)),
    *(Situation(f"publish {n}", leftovers=_OPEN) for n in range(1, 4)),
    Situation("publish 4", leftovers=_PUBLISHED),
    Situation("initialise", leftovers=_PUBLISHED),
]


@dataclass(frozen=True, slots=True)
class Result:
    """Where workers died, and what differs at the end."""

    killed_at: list[str]
    differences: list[str]


@pytest.fixture(scope="module")
async def results(
    services: Services, request: pytest.FixtureRequest
) -> AsyncIterator[dict[str, "asyncio.Task[Result]"]]:
    """What becomes of each situation that was selected, several at a time."""
    selected = {item.name for item in request.session.items if item.path == request.path}
    jobs = {
        str(situation): partial(run, services, situation)
        for situation in SITUATIONS
        if f"{test_workers_killed_at_a_step_leave_no_difference.__name__}[{situation}]" in selected
    }
    async with side_by_side(jobs, AT_ONCE) as tasks:
        yield tasks


@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
async def test_workers_killed_at_a_step_leave_no_difference(
    situation: Situation, results: dict[str, "asyncio.Task[Result]"], record_property: Callable[[str, object], None]
) -> None:
    result = await results[str(situation)]
    points = [f"{situation.step}|{moment}|{situation.nth}" for moment in ("before", "after")]
    assert result.killed_at == [*filter(None, [situation.leftovers]), *points]
    assert result.differences == []
    record_property(KILLED_AT, str(situation))


def test_there_is_a_situation_for_every_numbered_step() -> None:
    assert {situation.step for situation in SITUATIONS} == set(STEPS)
    assert len({str(situation) for situation in SITUATIONS}) == len(SITUATIONS)


async def run(services: Services, situation: Situation) -> Result:
    """All three days of a situation."""
    name = f"killed at {situation.step}"
    partitions = 1 if situation.leftovers else 2
    async with temporary_deployment(services, name, partitions=partitions, variables=crowd.VARIABLES) as deployment:
        async with Feed(deployment) as feed:
            await peace(deployment, feed)
            coalesced = await crowd.second_day(feed)
            killed_at = await kill(deployment, situation)
            survivor = deployment.start_worker(chunk_users=CHUNK_USERS)
            await wait_until_cycles(deployment, DAY_2)
            await feed.activity(crowd.staying_awake())
            await crowd.third_day(feed)
            await wait_until_cycles(deployment, DAY_3)
            await stop(survivor)
        visible = barriers_in_order(feed.produced, deployment.topic("ticks"), partitions)
        return Result(killed_at, await asyncio.to_thread(judge, deployment, visible, crowd.THRESHOLDS, coalesced))


async def peace(deployment: Deployment, feed: Feed) -> None:
    """The first day: nobody dies."""
    worker = deployment.start_worker(chunk_users=CHUNK_USERS)
    await crowd.first_day(feed)
    await wait_until_cycles(deployment, DAY_1)
    await stop(worker)


async def kill(deployment: Deployment, situation: Situation) -> list[str]:
    """One worker after the other, each to its death; returns where they died."""
    moments = [f"{situation.step}|{moment}|{situation.nth}" for moment in ("before", "after")]
    killed_at = []
    for point in filter(None, [situation.leftovers, *moments]):
        worker = deployment.start_worker(crash=point, chunk_users=CHUNK_USERS)
        killed_at.append(await wait_for_death(worker))
    return killed_at
