"""Several workers on eight partitions, killed in each of three windows and paused, at a small size.

`make campaigns` plays the same at full size.
"""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest
from aiokafka import AIOKafkaProducer

from tests.campaigns import kills
from tests.campaigns.hanging import open_partitions
from tests.campaigns.outcome import Outcome
from tests.harness.deployment import Deployment
from tests.harness.temporary import Services, side_by_side

SEED = 1

Tasks = dict[str, "asyncio.Task[Outcome]"]


@pytest.fixture(scope="module")
async def outcomes(services: Services) -> AsyncIterator[Tasks]:
    """What comes of each number of workers; they mostly wait, so they run side by side."""
    jobs = {str(workers): partial(kills.play, services, workers, seed=SEED, full=False) for workers in kills.WORKERS}
    async with side_by_side(jobs, len(jobs)) as tasks:
        yield tasks


@pytest.mark.parametrize("workers", kills.WORKERS)
async def test_killed_and_paused_workers_leave_no_difference(workers: int, outcomes: Tasks) -> None:
    outcome = await outcomes[str(workers)]
    assert outcome.differences == [], outcome.figures


async def test_a_transaction_that_nobody_ends_is_found(deployment: Deployment) -> None:
    topic = deployment.topic("messages")
    producer = AIOKafkaProducer(bootstrap_servers=deployment.kafka, transactional_id=deployment.name)
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"never ended", partition=2)
        assert await open_partitions(deployment.kafka, [topic]) == [(topic, 2)]
        await producer.abort_transaction()
        assert await open_partitions(deployment.kafka, [topic]) == []
    finally:
        await producer.stop()
