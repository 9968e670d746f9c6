"""A client that hears nothing any more, whatever killed it, ends the worker; a Kafka that is away does not."""

import asyncio
from dataclasses import replace
from functools import partial

import pytest

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.inspection import partition_counts
from adapters.kafka.ticks import KafkaTickStream
from consumer.hindrance import Hindrance
from consumer.watchdog import Watchdog
from deploy.local.ports import free_port
from domain.errors import StuckError
from tests.contract.kafka.conftest import MakeTopic
from tests.fakes.activity_log import FakeActivityLog
from tests.fakes.store import FakeStore
from tests.harness.lasting import lasts

STUCK_EXIT_SECONDS = 0.5


@pytest.fixture
async def deaf(connection: KafkaConnection, make_topic: MakeTopic) -> KafkaTickStream:
    """A stream whose client does nothing any more."""
    ticks = KafkaTickStream(replace(connection, timeout_seconds=1), await make_topic("ticks"))
    await ticks.start()
    await ticks.stop()
    return ticks


def watchdog(ticks: KafkaTickStream, connection: KafkaConnection) -> Watchdog:
    ask_anew = partial(partition_counts, connection, [])
    return Watchdog(
        FakeStore(), FakeActivityLog(1), ticks, Hindrance(), ask_anew, stuck_exit_seconds=STUCK_EXIT_SECONDS
    )


async def test_a_client_that_is_deaf_where_a_new_one_is_answered_is_a_standstill(
    deaf: KafkaTickStream, connection: KafkaConnection
) -> None:
    with pytest.raises(StuckError, match="connections to Kafka, which a new client reaches"):
        await watchdog(deaf, connection).run(lambda: frozenset({0}))


async def test_a_kafka_that_answers_nobody_is_waited_for(deaf: KafkaTickStream) -> None:
    nobody = KafkaConnection(f"127.0.0.1:{free_port()}", timeout_seconds=1)
    task = asyncio.create_task(watchdog(deaf, nobody).run(lambda: frozenset({0})))

    async def goes_on() -> None:
        assert not task.done(), task.exception()

    await lasts(goes_on, 6 * STUCK_EXIT_SECONDS)
    task.cancel()
    await asyncio.wait({task})
