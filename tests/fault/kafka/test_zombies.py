"""Owners that sleep for longer than the session timeout at every numbered step, and wake up among their successors."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest

import consumer.wiring  # noqa: F401 - importing the service defines its steps
from consumer.steps import STEPS
from deploy.local.kafka import KafkaBroker
from tests.fault.kafka.zombies import BY_KAFKA, BY_POSTGRES, Result, run_chain
from tests.harness.temporary import Services, side_by_side

# One chain of sleepers each. Whatever a sleeper does first when it wakes up, at most of these points, is a write. The
# last of each chain has decided all of a tick and publishes its last chunk: it has nothing else to write than to Kafka.
CHAINS = (
    ("initialise|before|1", "tick 0|after|1", "tick 2|after|1", "take-over 2|after|1", "batch 1|after|1"),
    ("publish 4|after|1", "take-over 1|after|1", "tick 3|after|1", "initialise|after|1", "batch 2|after|1"),
    ("publish 1|after|1", "take-over 3|after|1", "tick 4|after|1", "judging|after|1", "batch 3|after|1"),
    (
        "tick 6|after|1",
        "take-over 4|after|1",
        "tick 5|after|1",
        "batch 4|after|1",
        "tick 1|after|1",
        "judging|before|1",
    ),
)
LAST = ("publish 1|after|4", "publish 2|before|4", "publish 2|after|4", "publish 3|before|4")
# Afterwards, nobody knows what comes first: a write that is refused, or the news that the shard is another one's.
QUIET = {
    "tick 0|after|1",
    "batch 4|after|1",
    "judging|after|1",
    "initialise|before|1",
    "initialise|after|1",
    "publish 4|after|1",
    "take-over 1|after|1",
    "take-over 2|after|1",
    "take-over 3|after|1",
    "take-over 4|after|1",
}
POINTS = [(*chain, last) for chain, last in zip(CHAINS, LAST, strict=True)]

# The first test waits for all of them, on a machine that does other things too.
pytestmark = pytest.mark.timeout(600)
Tasks = dict[str, "asyncio.Task[Result]"]


@pytest.fixture(scope="module")
async def results(services: Services) -> AsyncIterator[Tasks]:
    """What becomes of each chain, by its number; they mostly wait, so they run side by side."""
    # The session timeout is shorter than a broker allows by itself.
    broker = KafkaBroker(services.folder / "kafka", settings={"group.min.session.timeout.ms": "1000"})
    with ThreadPoolExecutor(max_workers=1) as thread:  # services end with the thread that started them
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(thread, broker.start)
        own = replace(services, kafka=broker.bootstrap_servers)
        jobs = {str(n): partial(run_chain, own, f"zombies {n}", points) for n, points in enumerate(POINTS)}
        try:
            async with side_by_side(jobs, len(jobs)) as tasks:
                yield tasks
        finally:
            await loop.run_in_executor(thread, broker.stop)


def test_there_is_a_sleeper_at_every_numbered_step() -> None:
    assert {point.partition("|")[0] for points in POINTS for point in points} == set(STEPS)


@pytest.mark.parametrize("chain", range(len(POINTS)))
async def test_sleepers_at_every_step_make_no_difference_when_they_wake_up(results: Tasks, chain: int) -> None:
    result = await results[str(chain)]
    assert result.differences == []
    assert [point for point in POINTS[chain] if point not in QUIET and not result.refusals[point]] == []


async def test_both_postgres_and_kafka_refuse_what_sleepers_write(results: Tasks) -> None:
    refusals = [refused for task in results.values() for refused in (await task).refusals.values()]
    assert set().union(*refusals) >= {BY_POSTGRES, BY_KAFKA}
