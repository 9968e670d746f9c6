"""Topics of a test's own, and the rule that adapters leave nothing behind."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.metadata import TopicState, client_of, describe_topics, partition_count
from adapters.kafka.topics import opened_admin
from tests.conditions import until

MakeTopic = Callable[..., Awaitable[str]]
AddPartitions = Callable[[str, int], Awaitable[None]]


@pytest.fixture
def connection(kafka: str) -> KafkaConnection:
    return KafkaConnection(kafka, client_id="contract-tests")


@pytest.fixture(autouse=True)
async def nothing_left_behind() -> AsyncIterator[None]:
    """No task of a client outlives its owner, and asyncio has no forgotten error to report."""
    loop = asyncio.get_running_loop()
    before = asyncio.all_tasks()
    reports: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, report: reports.append(report))
    yield
    # aiokafka's read tasks are cancelled with their connection and end in the loop's next turns.
    for _ in range(5):
        await asyncio.sleep(0)
    gc.collect()
    await asyncio.sleep(0)
    loop.set_exception_handler(None)
    assert asyncio.all_tasks() - before - {asyncio.current_task()} == set()
    assert reports == []


@pytest.fixture
async def admin(connection: KafkaConnection) -> AsyncIterator[AIOKafkaAdminClient]:
    async with opened_admin(connection) as admin:
        yield admin


@pytest.fixture
def make_topic(admin: AIOKafkaAdminClient, unique: str) -> MakeTopic:
    """Creates a topic of this test's own and returns its name."""

    async def make(suffix: str, partitions: int = 1, **settings: str) -> str:
        configs = {name.replace("_", "."): value for name, value in settings.items()}
        topic = f"{unique}-{suffix}"
        response = await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=configs)])
        assert [code for _, code, _ in response.topic_errors] == [0]
        await led(admin, topic, partitions)
        return topic

    return make


@pytest.fixture
def add_partitions(admin: AIOKafkaAdminClient) -> AddPartitions:
    """Gives a topic so many partitions."""

    async def add(topic: str, partitions: int) -> None:
        await admin.create_partitions({topic: NewPartitions(partitions)})
        await led(admin, topic, partitions)

    return add


async def led(admin: AIOKafkaAdminClient, topic: str, partitions: int) -> None:
    """Wait until the topic is known with so many partitions, each with a leader."""

    async def is_led() -> bool:
        state = (await describe_topics(client_of(admin), [topic])).get(topic)
        return state == TopicState(partitions, led=True)

    await until(is_led)


@pytest.fixture
async def producer(connection: KafkaConnection) -> AsyncIterator[AIOKafkaProducer]:
    """Another program that produces without transactions."""
    producer = AIOKafkaProducer(bootstrap_servers=connection.bootstrap_servers, enable_idempotence=True)
    await producer.start()
    yield producer
    await producer.stop()


@pytest.fixture
async def transactional(connection: KafkaConnection, unique: str) -> AsyncIterator[AIOKafkaProducer]:
    """Another program that produces in transactions."""
    producer = AIOKafkaProducer(bootstrap_servers=connection.bootstrap_servers, transactional_id=f"{unique}-foreign")
    await producer.start()
    yield producer
    await producer.stop()


async def settled(connection: KafkaConnection, topic: str) -> None:
    """Wait until no transaction on the topic is open: Kafka ends one a moment after it has answered a commit."""
    readers = [
        AIOKafkaConsumer(bootstrap_servers=connection.bootstrap_servers, isolation_level=isolation)
        for isolation in ("read_committed", "read_uncommitted")
    ]
    async with readers[0] as committed, readers[1] as uncommitted:
        partitions = await partition_count(client_of(committed), topic)
        tps = [TopicPartition(topic, partition) for partition in range(partitions)]

        async def nothing_is_open() -> bool:
            return bool(await committed.end_offsets(tps) == await uncommitted.end_offsets(tps))

        await until(nothing_is_open)
