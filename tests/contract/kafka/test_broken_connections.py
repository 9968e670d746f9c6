"""Connections that are reset at the worst moment, on either event loop: requests fail, and clients live on."""

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import uvloop
from aiokafka import AIOKafkaClient
from aiokafka.conn import create_conn
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from adapters.kafka.connection import KafkaConnection
from deploy.local.kafka import KafkaBroker
from deploy.local.ports import free_port
from tests.conditions import until
from tests.fault.cluster.proxy import Proxy

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
# Where a client dies of resets at all, one of these did within three rounds.
CLIENTS, CUTS = 10, 8
MOMENT_SECONDS = 0.1
SECONDS = 20.0


@pytest.fixture(params=LOOPS)
def runner(request: pytest.FixtureRequest) -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
        yield runner


def test_a_request_on_a_connection_that_was_just_lost_fails_as_a_lost_connection_does(
    kafka: str, connection: KafkaConnection, runner: asyncio.Runner
) -> None:
    async def play() -> None:
        connection.arguments()
        host, port = kafka.split(":")
        lost = await create_conn(host, int(port))
        # Nobody has been told yet: that takes another turn of the loop.
        lost._writer.transport.abort()
        assert not lost.connected()
        with pytest.raises(KafkaConnectionError):
            await lost.send(MetadataRequest([]))

    runner.run(play())


def test_clients_whose_connections_are_reset_find_the_broker_again(runner: asyncio.Runner, tmp_path: Path) -> None:
    """A client whose metadata task has died asks for ever."""
    behind = Proxy("127.0.0.1", free_port())
    own = behind.target_port
    settings = {
        "listeners": f"PLAINTEXT://127.0.0.1:{own},CONTROLLER://127.0.0.1:{{controller_port}}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{behind.port}",
    }
    broker = KafkaBroker(tmp_path / "kafka", settings=settings)
    broker.start()
    try:
        runner.run(be_reset(behind))
    finally:
        broker.kill()


async def be_reset(behind: Proxy) -> None:
    connection = KafkaConnection(f"127.0.0.1:{behind.port}")
    async with behind:
        clients = [AIOKafkaClient(**connection.arguments()) for _ in range(CLIENTS)]
        for client in clients:
            await client.bootstrap()
        for _ in range(CUTS):
            asking = [asyncio.create_task(ask_for_ever(client)) for client in clients]
            await asyncio.wait(asking, timeout=MOMENT_SECONDS)
            behind.cut()
            await asyncio.wait(asking, timeout=MOMENT_SECONDS)
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
            behind.heal()
            await asyncio.gather(*(until(partial(finds_the_broker, client)) for client in clients))
        for client in clients:
            await client.close()


async def ask_for_ever(client: AIOKafkaClient) -> None:
    while True:
        client.force_metadata_update()
        await asyncio.sleep(0)


async def finds_the_broker(client: AIOKafkaClient) -> bool:
    assert not client._sync_task.done(), client._sync_task.exception()
    async with asyncio.timeout(SECONDS):
        return bool(await client.force_metadata_update())
