"""What the service relies on in ``Producers``: held by the real ones and by the fake alike."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.producer import KafkaProducers
from domain.errors import OwnershipLostError
from domain.ports import Producers, ShardProducer
from domain.records import OutgoingRecord
from tests.contract.kafka.conftest import MakeTopic
from tests.fakes.producers import FakeProducers

SHARD = 1


@pytest.fixture(params=["kafka", "fake"])
async def producers(
    request: pytest.FixtureRequest, connection: KafkaConnection, make_topic: MakeTopic, unique: str
) -> Producers:
    if request.param == "fake":
        return FakeProducers()
    return KafkaProducers(connection, unique, await make_topic("progress", partitions=SHARD + 1))


@pytest.fixture
async def messages(make_topic: MakeTopic) -> str:
    return await make_topic("messages")


@asynccontextmanager
async def started(producers: Producers) -> AsyncIterator[ShardProducer]:
    producer = await producers.start(SHARD)
    yield producer
    await producer.close()


async def publish(producer: ShardProducer, topic: str, sequence: int) -> None:
    await producer.begin()
    await producer.send(sequence, [OutgoingRecord(topic, b"key", b"value")])
    await producer.commit()


async def marker(producers: Producers) -> int:
    """The marker, as a new owner finds it."""
    async with started(producers) as producer:
        await producer.begin()
        probe = await producer.send_probe()
        await producer.commit()
        return await producers.marker(SHARD, probe)


async def test_without_any_marker_it_is_zero(producers: Producers) -> None:
    assert await marker(producers) == 0
    assert await marker(producers) == 0


async def test_the_last_committed_marker_counts(producers: Producers, messages: str) -> None:
    async with started(producers) as producer:
        await publish(producer, messages, 4)
        await publish(producer, messages, 5)
    assert await marker(producers) == 5
    assert await marker(producers) == 5


async def test_what_was_sent_and_not_committed_leaves_no_marker(producers: Producers, messages: str) -> None:
    async with started(producers) as producer:
        await publish(producer, messages, 1)
        await producer.begin()
        await producer.send(2, [OutgoingRecord(messages, b"key", b"value")])
        assert await marker(producers) == 1


async def test_a_producer_is_usable_between_transactions_only(producers: Producers, messages: str) -> None:
    producer = await producers.start(SHARD)
    seen = [producer.usable]
    await producer.begin()
    seen.append(producer.usable)
    await producer.send(1, [OutgoingRecord(messages, b"key", b"value")])
    seen.append(producer.usable)
    await producer.commit()
    seen.append(producer.usable)
    await producer.close()
    assert [*seen, producer.usable] == [True, False, False, True, False]


@pytest.mark.parametrize("step", ["send", "commit"])
async def test_a_later_producer_fences_the_earlier_one(producers: Producers, messages: str, step: str) -> None:
    record = OutgoingRecord(messages, b"key", b"value")
    async with started(producers) as former:
        await former.begin()
        if step == "commit":
            await former.send(1, [record])
        async with started(producers):
            steps: dict[str, Callable[[], Awaitable[None]]] = {
                "send": lambda: former.send(1, [record]),
                "commit": former.commit,
            }
            with pytest.raises(OwnershipLostError):
                await steps[step]()
        assert not former.usable
    assert await marker(producers) == 0
