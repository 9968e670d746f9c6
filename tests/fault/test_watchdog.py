"""A worker that doesn't get on although it could exits with 4, to be started again; one that can't stays.

What it can't do anything about: Kafka or Postgres is away, a shard is halted, a producer's transaction is open, or
there is nothing to do.
"""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from tests.campaigns.outage_scene import PARTITIONS, Scene, scene
from tests.harness.deployment import Worker
from tests.harness.halting import sql
from tests.harness.lasting import lasts
from tests.harness.restartable import restartable_kafka, restartable_postgres
from tests.harness.temporary import Services, side_by_side
from tests.harness.waiting import SECONDS, wait_for_event, wait_for_pause

# Longer than the session timeout of 6 s: a worker that starts anew may have to wait for its dead predecessor's end.
STUCK_EXIT_SECONDS = 8
LONGER_SECONDS = 1.5 * STUCK_EXIT_SECONDS
STUCK = 4

# What a transaction that was forgotten holds, and what its worker says is at a standstill.
FORGOTTEN = {
    "shard": ("SELECT * FROM engagement.shard WHERE shard = 1 FOR UPDATE", "shard 1"),
    "deployment": ("SELECT * FROM engagement.deployment FOR UPDATE", "the tick topic"),
    "users": ("LOCK TABLE engagement.users IN ACCESS EXCLUSIVE MODE", "shard 0"),
}
Tasks = dict[str, "asyncio.Task[list[str]]"]


@pytest.fixture(scope="module")
async def differences(services: Services) -> AsyncIterator[Tasks]:
    """What differs at the end of each case; they mostly wait, so they run side by side."""
    jobs: dict[str, Callable[[], Awaitable[list[str]]]] = {
        **{name: partial(forgotten_transaction, services, name, *FORGOTTEN[name]) for name in FORGOTTEN},
        "outside": partial(outside_the_group, services),
        "kafka": partial(kafka_away, services),
        "postgres": partial(postgres_away, services),
        "halted": partial(halted_shard, services),
        "open": partial(open_transaction, services),
    }
    async with side_by_side(jobs, len(jobs)) as tasks:
        yield tasks


@pytest.mark.parametrize("held", FORGOTTEN)
async def test_a_lock_that_nobody_gives_back_ends_the_worker_once_there_is_work(differences: Tasks, held: str) -> None:
    assert await differences[held] == []


async def test_a_worker_that_the_group_does_not_take_is_ended(differences: Tasks) -> None:
    assert await differences["outside"] == []


async def test_a_worker_in_the_middle_of_a_tick_waits_for_kafka(differences: Tasks) -> None:
    assert await differences["kafka"] == []


async def test_a_worker_with_records_and_a_tick_to_take_in_waits_for_postgres(differences: Tasks) -> None:
    assert await differences["postgres"] == []


async def test_a_halted_shard_does_not_end_the_worker(differences: Tasks) -> None:
    assert await differences["halted"] == []


async def test_a_tick_that_waits_for_the_end_of_a_producers_transaction_does_not_end_the_worker(
    differences: Tasks,
) -> None:
    assert await differences["open"] == []


async def forgotten_transaction(services: Services, name: str, statement: str, stuck: str) -> list[str]:
    """Another session holds a lock: first there is nothing to do, then there is, and then it gives it back."""
    async with first_day(services, name) as each:
        session = await asyncpg.connect(each.deployment.dsn)
        await session.execute(f"SET idle_in_transaction_session_timeout = 0; BEGIN; {statement}")
        await stays(each.worker)
        since = datetime.now(UTC)
        await each.produce(2)
        await ends_as_stuck(each, since, stuck)
        await session.close()
        return await second_day_of_a_new_worker(each)


async def outside_the_group(services: Services) -> list[str]:
    """A foreign member of the group knows another way only to share out partitions; then it goes."""
    async with scene(services, "outside", STUCK_EXIT_SECONDS) as each:
        foreign = AIOKafkaConsumer(
            each.deployment.topic("activity"),
            bootstrap_servers=each.deployment.kafka,
            group_id=each.deployment.name,
            partition_assignment_strategy=(RangePartitionAssignor,),
        )
        async with foreign:
            assert len(foreign.assignment()) == PARTITIONS
            since = datetime.now(UTC)
            each.deployment.start_worker()
            await ends_as_stuck(each, since, "the membership in the consumer group")
        await each.start()
        await each.produce(1)
        await each.ends(1)
        return await each.end()


async def kafka_away(services: Services) -> list[str]:
    """Kafka is killed while the tick of the second day is published."""
    point = "publish 2|after|22"
    async with AsyncExitStack() as opened:
        folder = services.folder / "kafka"
        folder.mkdir()
        servers, kafka = await opened.enter_async_context(restartable_kafka(folder))
        own = replace(services, kafka=servers)
        each = await opened.enter_async_context(first_day(own, "kafka", pauses=f"{point}|stop"))
        await each.produce(2)
        assert await wait_for_pause(each.worker) == point
        assert await each.is_within_tick()
        async with kafka.away("killed"):
            each.worker.resume()
            await stays(each.worker)
        await each.ends(2)
        return await each.end()


async def postgres_away(services: Services) -> list[str]:
    """Postgres is stopped before there is something to do."""
    async with AsyncExitStack() as opened:
        folder = services.folder / "postgres"
        folder.mkdir()
        dsn, postgres = await opened.enter_async_context(restartable_postgres(folder))
        each = await opened.enter_async_context(first_day(replace(services, postgres_admin_dsn=dsn), "postgres"))
        async with postgres.away("stopped"):
            await each.produce(2)
            await stays(each.worker)
        await each.ends(2)
        return await each.end()


async def halted_shard(services: Services) -> list[str]:
    """One of two shards is halted, and its records and a tick wait; then its halt is taken back."""
    async with first_day(services, "halted") as each:
        halt = "UPDATE shard SET halted_reason = $1, halted_at = CASE WHEN $1::text IS NOT NULL THEN now() END"
        await sql(each.deployment, f"{halt} WHERE shard = 1", "for a test")
        await each.produce(2)
        await wait_for_event(each.worker, "shard_halted")
        await stays(each.worker)
        await sql(each.deployment, f"{halt} WHERE shard = 1", None)
        await each.ends(2)
        return [text for text in await each.end() if "'shard_halted'" not in text]


async def open_transaction(services: Services) -> list[str]:
    """What lies above the first record of an open transaction can't be read, and a tick waits for it."""
    async with first_day(services, "open") as each:
        producer = AIOKafkaProducer(bootstrap_servers=each.deployment.kafka, transactional_id=each.deployment.name)
        async with producer:
            await producer.begin_transaction()
            for partition in range(PARTITIONS):
                await producer.send_and_wait(each.deployment.topic("activity"), b"{}", b"u", partition=partition)
            await each.produce(2)
            await stays(each.worker)
            await producer.abort_transaction()
        await each.ends(2)
        return await each.end()


@asynccontextmanager
async def first_day(services: Services, name: str, pauses: str = "") -> AsyncIterator[Scene]:
    """A deployment whose only worker has ended the first day."""
    async with scene(services, name, STUCK_EXIT_SECONDS) as each:
        await each.start(pauses=pauses)
        await each.produce(1)
        await each.ends(1)
        yield each


async def stays(worker: Worker) -> None:
    """For longer than it takes to be ended, the worker runs."""

    async def check() -> None:
        assert worker.running, f"{worker.name} ended with {worker.process.returncode}\n{worker.tail()}"

    await lasts(check, LONGER_SECONDS)


async def ends_as_stuck(each: Scene, since: datetime, what: str) -> None:
    """The worker ends after the time, and says what is at a standstill in one line; it is taken out of the scene."""
    worker = each.worker
    try:
        code = await asyncio.to_thread(worker.process.wait, SECONDS)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"{worker.name} is not ended\n{worker.tail()}") from None
    assert code == STUCK, worker.tail()
    [line] = worker.events("stuck")
    assert what in line["reason"]
    assert datetime.fromisoformat(line["timestamp"]) - since >= timedelta(seconds=STUCK_EXIT_SECONDS)
    each.deployment.workers.remove(worker)


async def second_day_of_a_new_worker(each: Scene) -> list[str]:
    await each.start()
    await each.ends(2)
    return await each.end()
