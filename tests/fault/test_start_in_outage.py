"""Kafka or Postgres is away while a worker starts: it keeps trying, and once it has started nothing ends it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial

import pytest

from consumer.settings import Settings
from consumer.wiring import Tuning, open_service
from tests.campaigns.outage_scene import PARTITIONS, Scene, scene
from tests.conditions import eventually
from tests.harness.deployment import Deployment
from tests.harness.lasting import lasts
from tests.harness.restartable import Restartable, restartable_kafka, restartable_postgres
from tests.harness.temporary import Services, side_by_side
from tests.harness.waiting import SECONDS, wait_for_event

# Shorter than the time that a start may take.
AWAY_SECONDS = 5.0
STARTING_AT_ONCE = 4

Tasks = dict[str, "asyncio.Task[list[str]]"]


@pytest.fixture(scope="module")
async def differences(services: Services) -> AsyncIterator[Tasks]:
    """What differs at the end of each case; they mostly wait, so they run side by side."""
    jobs: dict[str, Callable[[], Awaitable[list[str]]]] = {
        "joins later": partial(gone_before_joining, services),
        "kafka": partial(gone_while_they_start, services),
        "postgres": partial(postgres_comes_later, services),
    }
    async with side_by_side(jobs, len(jobs)) as tasks:
        yield tasks


async def test_kafka_that_goes_between_opening_and_joining_is_waited_for(differences: Tasks) -> None:
    assert await differences["joins later"] == []


async def test_kafka_that_goes_while_workers_start_is_waited_for_by_all_of_them(differences: Tasks) -> None:
    assert await differences["kafka"] == []


async def test_a_worker_that_starts_without_postgres_begins_when_that_comes(differences: Tasks) -> None:
    assert await differences["postgres"] == []


async def gone_before_joining(services: Services) -> list[str]:
    """The service in this process, since nothing outside of it shows the moment."""
    async with AsyncExitStack() as opened:
        each, kafka = await _kafka_scene(services, "joins-later", opened)
        stop = asyncio.Event()
        async with open_service(_settings(each.deployment), Tuning()) as ready, asyncio.TaskGroup() as tasks:
            async with kafka.away("killed"):
                running = tasks.create_task(ready.service.run(stop))

                async def check() -> None:
                    assert not running.done()

                await lasts(check, AWAY_SECONDS)
            await each.produce(1)
            await each.ends(1)
            stop.set()
        return await each.end()


async def gone_while_they_start(services: Services) -> list[str]:
    """Several at once, each of them somewhere else in its start when Kafka goes."""
    async with AsyncExitStack() as opened:
        each, kafka = await _kafka_scene(services, "while-they-start", opened)
        workers = [each.deployment.start_worker() for _ in range(STARTING_AT_ONCE)]

        async def one_has_started() -> None:
            assert any(worker.events("service_started") for worker in workers)

        async def all_run() -> None:
            assert all(worker.running for worker in workers)

        await eventually(one_has_started, SECONDS)
        async with kafka.away("killed"):
            await lasts(all_run, AWAY_SECONDS)
        for worker in workers:
            await wait_for_event(worker, "shards_assigned")
        await each.produce(1)
        await each.ends(1)
        return await each.end()


async def postgres_comes_later(services: Services) -> list[str]:
    """Postgres is away from the beginning."""
    async with AsyncExitStack() as opened:
        folder = services.folder / "postgres"
        folder.mkdir()
        dsn, postgres = await opened.enter_async_context(restartable_postgres(folder))
        each = await opened.enter_async_context(scene(replace(services, postgres_admin_dsn=dsn), "comes later"))
        async with postgres.away("stopped"):
            worker = each.deployment.start_worker()

            async def check() -> None:
                assert worker.running, worker.tail()

            await wait_for_event(worker, "stamina.retry_scheduled")
            await lasts(check, AWAY_SECONDS)
        await wait_for_event(worker, "shard_taken_over", PARTITIONS)
        await each.produce(1)
        await each.ends(1)
        return await each.end()


async def _kafka_scene(services: Services, name: str, opened: AsyncExitStack) -> tuple[Scene, Restartable]:
    folder = services.folder / f"{name}-kafka"
    folder.mkdir()
    servers, kafka = await opened.enter_async_context(restartable_kafka(folder))
    return await opened.enter_async_context(scene(replace(services, kafka=servers), name)), kafka


def _settings(deployment: Deployment) -> Settings:
    prefix = "ENGAGEMENT_"
    variables = {name: value for name, value in deployment.environment.items() if name.startswith(prefix)}
    return Settings.model_validate({name.removeprefix(prefix).lower(): value for name, value in variables.items()})
