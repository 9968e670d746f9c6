"""The rules of ``ActivityLog``, on a real broker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.log import KafkaActivityLog
from domain.errors import MisconfiguredError
from tests.contract.kafka.conftest import AddPartitions, MakeTopic
from tests.contract.kafka.members import member


@asynccontextmanager
async def started(connection: KafkaConnection, activity: str, progress: str) -> AsyncIterator[KafkaActivityLog]:
    log = KafkaActivityLog(connection, activity, progress)
    await log.start()
    try:
        yield log
    finally:
        await log.stop()


async def test_the_end_lies_above_an_open_transaction_which_no_committed_read_passes(
    connection: KafkaConnection,
    make_topic: MakeTopic,
    producer: AIOKafkaProducer,
    transactional: AIOKafkaProducer,
    unique: str,
) -> None:
    activity, progress = await make_topic("activity"), await make_topic("progress")
    async with started(connection, activity, progress) as log, member(connection, activity, unique) as one:
        await one.hears(1)
        one.stream.seek(0, 0)
        await producer.send_and_wait(activity, b"before")
        await transactional.begin_transaction()
        await transactional.send_and_wait(activity, b"open", partition=0)
        await producer.send_and_wait(activity, b"acknowledged after")
        assert await log.end(0) == 3
        (batch,) = await one.reads([0], 1)
        assert batch.next_position == 1
        assert await one.stream.poll([0], 0.3) == []
        await transactional.commit_transaction()
        assert (await one.reaches(0, 4))[-1].next_position == 4
        assert await log.end(0) == 4


async def test_the_beginning_moves_with_retention(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer, admin: AIOKafkaAdminClient
) -> None:
    activity, progress = await make_topic("activity", partitions=2), await make_topic("progress", partitions=2)
    for _ in range(3):
        await producer.send_and_wait(activity, b"x", partition=1)
    async with started(connection, activity, progress) as log:
        assert (await log.beginning(1), await log.end(1)) == (0, 3)
        await admin.delete_records({TopicPartition(activity, 1): RecordsToDelete(2)})
        assert (await log.beginning(1), await log.end(1)) == (2, 3)
        assert (await log.beginning(0), await log.end(0)) == (0, 0)


async def test_there_are_as_many_shards_as_both_topics_have_partitions_counted_afresh(
    connection: KafkaConnection, make_topic: MakeTopic, add_partitions: AddPartitions
) -> None:
    activity, progress = await make_topic("activity", partitions=2), await make_topic("progress", partitions=1)
    async with started(connection, activity, progress) as log:
        assert await log.shards() == 1
        await add_partitions(progress, 3)
        assert await log.shards() == 2
        await add_partitions(activity, 3)
        assert await log.shards() == 3
        assert (await log.beginning(2), await log.end(2)) == (0, 0)


async def test_a_missing_topic_stops_the_start(connection: KafkaConnection, make_topic: MakeTopic, unique: str) -> None:
    activity = await make_topic("activity")
    with pytest.raises(MisconfiguredError, match=r"progress.*engage init"):
        await KafkaActivityLog(connection, activity, f"{unique}-progress").start()
