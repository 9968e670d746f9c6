"""The proxies that stand between workers and services do what they say, and nothing else.

That something does not arrive is shown without waiting: what is sent later through a proxy that is fine is there first.
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from socket import SO_LINGER, SOL_SOCKET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conditions import until
from tests.fault.cluster.proxy import MOST_BYTES, Proxy

# Longer than a small message takes through a proxy that is fine, on a machine that does other things too.
LONGER = 1.0
SECONDS = 20.0
ENDS = ("closed", "reset")


class Peer:
    """One end of a connection, with what it has received and how the other end went."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.received = bytearray()
        self.end = ""
        self.writer = writer
        self._reader = reader
        self._changed = asyncio.Event()
        self._listening = asyncio.create_task(self._listen())

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def wait_for(self, data: bytes) -> None:
        await self._wait(lambda: self.received == data)

    async def wait_for_end(self, end: str) -> None:
        await self._wait(lambda: self.end == end)

    async def stop(self) -> None:
        self.writer.close()
        self._listening.cancel()
        with suppress(OSError):
            await self.writer.wait_closed()
        await asyncio.gather(self._listening, return_exceptions=True)

    async def _listen(self) -> None:
        try:
            while data := await self._reader.read(65536):
                self.received += data
                self._changed.set()
            self.end = "closed"
        except ConnectionResetError:
            self.end = "reset"
        self._changed.set()

    async def _wait(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS):
            while not holds():
                self._changed.clear()
                await self._changed.wait()


class Server:
    """Accepts connections, and opens them."""

    def __init__(self) -> None:
        self._peers: list[Peer] = []
        self._accepted: asyncio.Queue[Peer] = asyncio.Queue()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._accepted.put(self._peer(reader, writer))

    async def connect(self, port: int) -> tuple[Peer, Peer]:
        """A new connection: the client, and the server's end of it."""
        client = self._peer(*await asyncio.open_connection("127.0.0.1", port))
        async with asyncio.timeout(SECONDS):
            return client, await self._accepted.get()

    async def stop(self) -> None:
        for peer in self._peers:
            await peer.stop()

    def _peer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Peer:
        peer = Peer(reader, writer)
        self._peers.append(peer)
        return peer


@dataclass(frozen=True, slots=True)
class Scene:
    """A server, one proxy that is to be hurt, and one that stays as it is."""

    server: Server
    hurt: Proxy
    fine: Proxy

    async def later(self) -> None:
        """Send something the other way round the hurt proxy, there and back; returns when it is done."""
        client, served = await self.server.connect(self.fine.port)
        client.send(b"there")
        await served.wait_for(b"there")
        served.send(b"and back")
        await client.wait_for(b"and back")


@asynccontextmanager
async def playing() -> AsyncIterator[Scene]:
    server = Server()
    async with AsyncExitStack() as opened:
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        hurt, fine = [await opened.enter_async_context(Proxy("127.0.0.1", port)) for _ in range(2)]
        try:
            yield Scene(server, hurt, fine)
        finally:
            listening.close()
            await server.stop()


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with playing() as scene:
        yield scene


async def test_both_ways_are_open_and_an_end_is_passed_on(scene: Scene) -> None:
    client, served = await scene.server.connect(scene.hurt.port)
    client.send(b"question")
    await served.wait_for(b"question")
    client.writer.write_eof()
    await served.wait_for_end("closed")
    served.send(b"answer")
    await client.wait_for(b"answer")
    served.writer.close()
    await client.wait_for_end("closed")
    await until(lambda: nobody(scene.hurt))


async def test_a_reset_is_passed_on_as_a_reset(scene: Scene) -> None:
    client, served = await scene.server.connect(scene.hurt.port)
    end_now(served, "reset")
    await client.wait_for_end("reset")
    await until(lambda: nobody(scene.hurt))


async def test_without_a_server_a_connection_is_reset() -> None:
    async with playing() as gone:
        target = gone.hurt
    async with Proxy("127.0.0.1", target.port) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


async def test_a_cut_resets_and_refuses_until_it_is_healed(scene: Scene) -> None:
    client, served = await scene.server.connect(scene.hurt.port)
    scene.hurt.cut()
    await client.wait_for_end("reset")
    await served.wait_for_end("reset")
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", scene.hurt.port)
    assert scene.hurt.connections == 0
    scene.hurt.heal()
    client, served = await scene.server.connect(scene.hurt.port)
    client.send(b"again")
    await served.wait_for(b"again")


async def test_half_open_keeps_and_accepts_connections_and_passes_nothing_on_until_it_is_healed(scene: Scene) -> None:
    old = await scene.server.connect(scene.hurt.port)
    scene.hurt.half_open()
    new = await scene.server.connect(scene.hurt.port)
    for client, served in (old, new):
        client.send(b"question")
        served.send(b"answer")
        served.writer.write_eof()
    await scene.later()
    for peer in (*old, *new):
        assert (bytes(peer.received), peer.end) == (b"", "")
    scene.hurt.heal()
    for client, served in (old, new):
        await served.wait_for(b"question")
        await client.wait_for(b"answer")
        await client.wait_for_end("closed")


async def test_one_direction_alone_may_be_silent(scene: Scene) -> None:
    client, served = await scene.server.connect(scene.hurt.port)
    scene.hurt.half_open("to_client")
    client.send(b"question")
    await served.wait_for(b"question")
    served.send(b"answer")
    await scene.later()
    assert client.received == b""
    scene.hurt.half_open("to_server")
    scene.hurt.heal()
    await client.wait_for(b"answer")


@pytest.mark.parametrize(
    "hurt",
    [lambda proxy: proxy.delay(LONGER), lambda proxy: proxy.throttle(20 / LONGER)],
    ids=["delay", "narrow"],
)
async def test_what_dawdles_arrives_later_and_whole(scene: Scene, hurt: Callable[[Proxy], None]) -> None:
    client, served = await scene.server.connect(scene.hurt.port)
    hurt(scene.hurt)
    text = b"a question of thirty bytes ..."
    client.send(text)
    served.send(text)
    await scene.later()
    assert served.received != text
    assert client.received != text
    await served.wait_for(text)
    await client.wait_for(text)


async def test_a_delay_leaves_the_throughput(scene: Scene) -> None:
    """All of it is under way at once: were each piece sent after the one before, a thousand would take minutes."""
    client, served = await scene.server.connect(scene.hurt.port)
    scene.hurt.delay(LONGER)
    sent = bytearray()
    for number in range(1_000):
        piece = str(number).encode() * 100
        sent += piece
        client.send(piece)
        await asyncio.sleep(0)
    await served.wait_for(bytes(sent))


@pytest.mark.parametrize("end", ENDS)
async def test_a_slow_close_tells_late_of_an_end(scene: Scene, end: str) -> None:
    client, served = await scene.server.connect(scene.hurt.port)
    scene.hurt.slow_close(LONGER)
    client.send(b"last words")
    await served.wait_for(b"last words")
    end_now(client, end)
    await scene.later()
    assert served.end == ""
    await served.wait_for_end(end)


@pytest.mark.parametrize("end", ENDS)
async def test_healing_passes_a_late_end_on_at_once(scene: Scene, end: str) -> None:
    client, served = await scene.server.connect(scene.hurt.port)
    scene.hurt.slow_close(3600)
    scene.hurt.delay(3600)
    served.send(b"held back")
    end_now(served, end)
    await until(lambda: holds(scene.hurt, 9))
    scene.hurt.heal()
    await client.wait_for_end(end)


async def test_what_is_held_back_is_bounded_and_none_of_it_gets_lost(scene: Scene) -> None:
    client, served = await scene.server.connect(scene.hurt.port)
    scene.hurt.half_open()
    sent = bytes(range(256)) * (MOST_BYTES // 64)
    client.send(sent)
    await until(lambda: holds(scene.hurt, MOST_BYTES))
    await scene.later()
    # One read of asyncio may take 256 KiB.
    assert scene.hurt.held <= MOST_BYTES + 256 * 1024
    assert client.writer.transport.get_write_buffer_size() > MOST_BYTES
    scene.hurt.heal()
    await served.wait_for(sent)
    assert scene.hurt.held == 0


HURTS: dict[str, Callable[[Proxy], None]] = {
    "delay": lambda proxy: proxy.delay(0.01),
    "more": lambda proxy: proxy.delay(0.03),
    "none": lambda proxy: proxy.delay(0),
    "narrow": lambda proxy: proxy.throttle(1_000_000),
    "silent": lambda proxy: proxy.half_open(),
    "deaf": lambda proxy: proxy.half_open("to_server"),
    "slow": lambda proxy: proxy.slow_close(0.01),
    "heal": lambda proxy: proxy.heal(),
}


@settings(max_examples=30, deadline=None)
@given(steps=st.lists(st.one_of(st.sampled_from(sorted(HURTS)), st.binary(min_size=1, max_size=2000)), max_size=20))
async def test_whatever_happens_short_of_a_cut_all_arrives_in_its_order(steps: list[str | bytes]) -> None:
    async with playing() as scene:
        client, served = await scene.server.connect(scene.hurt.port)
        sent = b""
        for step in steps:
            if isinstance(step, bytes):
                client.send(step)
                sent += step
                await asyncio.sleep(0)
            else:
                HURTS[step](scene.hurt)
        client.writer.close()
        scene.hurt.heal()
        await served.wait_for_end("closed")
        assert served.received == sent


def end_now(peer: Peer, end: str) -> None:
    if end == "reset":
        peer.writer.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        peer.writer.transport.abort()
    else:
        peer.writer.close()


async def nobody(proxy: Proxy) -> bool:
    return proxy.connections == 0


async def holds(proxy: Proxy, size: int) -> bool:
    return proxy.held >= size
