"""A client whose last fetch has just failed can be let go: that is no cancellation of whoever does it.

aiokafka's ``stop`` raises CancelledError then, which would end the caller's task as if somebody had wanted that.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.event_producer import EventProducer
from adapters.kafka.producer import KafkaProducers
from adapters.kafka.ticks import KafkaTickStream
from domain.errors import TransientError
from domain.records import OutgoingRecord
from tests.conditions import until
from tests.contract.kafka.conftest import MakeTopic
from tests.contract.kafka.publishing import started
from tests.fault.kafka.liar import HANG_UP, Api, Liar, lying

SECONDS = 3.0


@pytest.fixture
async def between(kafka: str) -> AsyncIterator[Liar]:
    async with lying(kafka) as liar:
        yield liar


async def test_a_marker_that_can_not_be_read_is_an_error_that_passes(
    between: Liar, make_topic: MakeTopic, unique: str
) -> None:
    progress = await make_topic("progress")
    producers = KafkaProducers(KafkaConnection(between.bootstrap_servers, timeout_seconds=SECONDS), unique, progress)
    async with started(producers) as producer:
        await producer.begin()
        probe = await producer.send_probe()
        await producer.commit()
    between.tell(Api.FETCH, HANG_UP)
    reading = asyncio.create_task(producers.marker(0, probe))
    await asyncio.wait({reading})
    assert not reading.cancelled()
    assert isinstance(reading.exception(), TransientError)
    between.be_honest()
    assert await producers.marker(0, probe) == 0


async def test_a_stream_of_ticks_whose_broker_has_gone_can_be_let_go(
    between: Liar, kafka: str, make_topic: MakeTopic
) -> None:
    topic = await make_topic("ticks")
    async with EventProducer(KafkaConnection(kafka)) as producer:
        await producer.deliver(OutgoingRecord(topic, None, b"x"))
    ticks = KafkaTickStream(KafkaConnection(between.bootstrap_servers, timeout_seconds=SECONDS), topic)
    await ticks.start()
    between.tell(Api.FETCH, HANG_UP)

    async def has_failed() -> bool:
        assert (await ticks.poll(0, 0.05)).records == ()
        return between.told > 1

    await until(has_failed)
    stopping = asyncio.create_task(ticks.stop())
    await asyncio.wait({stopping})
    assert not stopping.cancelled()
    stopping.result()
