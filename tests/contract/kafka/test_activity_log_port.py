"""What the service relies on in ``ActivityLog``: held by the real one and by the fake alike."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.log import KafkaActivityLog
from domain.ports import ActivityLog
from tests.contract.kafka.conftest import MakeTopic
from tests.fakes.activity_log import FakeActivityLog

Append = Callable[[int], Awaitable[None]]
Case = tuple[ActivityLog, Append]


@asynccontextmanager
async def real_log(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer
) -> AsyncIterator[Case]:
    topic, progress = await make_topic("activity", partitions=3), await make_topic("progress", partitions=2)
    log = KafkaActivityLog(connection, topic, progress)
    await log.start()

    async def append(shard: int) -> None:
        await producer.send_and_wait(topic, b"value", partition=shard)

    yield log, append
    await log.stop()


def fake_log() -> Case:
    log = FakeActivityLog(shards=2)

    async def append(shard: int) -> None:
        log.ends[shard] += 1

    return log, append


@pytest.fixture(params=["kafka", "fake"])
async def case(
    request: pytest.FixtureRequest, connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer
) -> AsyncIterator[Case]:
    if request.param == "fake":
        yield fake_log()
    else:
        async with real_log(connection, make_topic, producer) as real:
            yield real


async def test_there_are_as_many_shards_as_both_topics_have_partitions(case: Case) -> None:
    log, _ = case
    assert await log.shards() == 2


async def test_the_end_is_behind_every_acknowledged_record_of_that_shard(case: Case) -> None:
    log, append = case
    assert [await log.beginning(1), await log.end(1)] == [0, 0]
    for _ in range(3):
        await append(1)
    assert [await log.beginning(1), await log.end(1)] == [0, 3]
    assert await log.end(0) == 0
