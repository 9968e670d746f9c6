"""A proxy in front of a broker that knows where requests begin, so that single ones can be held, lost or come late."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

Kind = Callable[[bytes], bool]
"""Tells the requests that are meant."""

SECONDS = 60.0
_HOST = "127.0.0.1"
_AWAY = (OSError, asyncio.IncompleteReadError)


def produce(request: bytes) -> bool:
    """One that brings batches."""
    return _api(request) == 0


def fetch(request: bytes) -> bool:
    """One that asks for records."""
    return _api(request) == 1


def commit(request: bytes) -> bool:
    """One that ends a transaction, and not by aborting it."""
    return _api(request) == 26 and request.endswith(b"\x01")


class _Connection:
    """One client's connection and the one to the broker that belongs to it."""

    def __init__(
        self,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        broker: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self.from_client, self.to_client = client
        self.from_broker, self.to_broker = broker
        self.cut = False
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()


class Held:
    """Requests of a kind, from the ``nth`` one on: each waits, and with it all that follows on its connection."""

    def __init__(self, kind: Kind, word: bytes, nth: int) -> None:
        self._kind = kind
        self._word = word
        self._passing = nth - 1
        self._arrived = asyncio.Event()
        self._over = asyncio.Event()
        self._first: tuple[_Connection, bytes] | None = None

    async def arrived(self) -> None:
        """Wait until one is held."""
        async with asyncio.timeout(SECONDS):
            await self._arrived.wait()

    def release(self) -> None:
        """Let them all go on to the broker."""
        self._over.set()

    def cut(self) -> None:
        """Cut the connection of the first one, so that its client repeats it elsewhere; it is still on its way."""
        connection, _ = self._held()
        connection.cut = True
        connection.to_client.transport.abort()
        self._over.set()

    async def deliver(self) -> None:
        """Let the one that was on its way arrive; returns when the broker has answered."""
        connection, request = self._held()
        await _write(connection.to_broker, request)
        async with asyncio.timeout(SECONDS):
            await connection.answer

    async def meet(self, connection: _Connection, request: bytes) -> None:
        """Hold the request if it is one of them."""
        if self._over.is_set() or not (self._kind(request) and self._word in request):
            return
        if self._passing:
            self._passing -= 1
            return
        self._first = self._first or (connection, request)
        self._arrived.set()
        await self._over.wait()

    def _held(self) -> tuple[_Connection, bytes]:
        assert self._first is not None, "no request is held"
        return self._first


class Wire:
    """The proxy. Clients that are given its ``address`` find no other way to the broker: it stands in all answers."""

    def __init__(self, kafka: str) -> None:
        host, _, port = kafka.rpartition(":")
        assert host == _HOST, "the broker's address must be as long as ours"
        self._broker_port = int(port)
        self._own_port = 0
        self._held: list[Held] = []
        self._connections: list[_Connection] = []

    @property
    def address(self) -> str:
        """Bootstrap servers for clients."""
        return f"{_HOST}:{self._own_port}"

    def hold(self, kind: Kind, word: str, nth: int = 1) -> Held:
        """From now on, hold the requests with the word in them, the first ``nth`` - 1 ones excepted."""
        held = Held(kind, word.encode(), nth)
        self._held.append(held)
        return held

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Serve within the context."""
        server = await asyncio.start_server(self._serve, _HOST, 0)
        self._own_port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            for connection in self._connections:
                connection.to_client.transport.abort()
                connection.to_broker.transport.abort()
            for held in self._held:
                held.release()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            broker = await asyncio.open_connection(_HOST, self._broker_port)
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection((reader, writer), broker)
        self._connections.append(connection)
        await asyncio.gather(self._requests(connection), self._answers(connection))

    async def _requests(self, connection: _Connection) -> None:
        with suppress(*_AWAY):
            while True:
                request = await _read(connection.from_client)
                for held in self._held:
                    await held.meet(connection, request)
                if connection.cut:
                    return
                await _write(connection.to_broker, request)
        if not connection.cut:
            connection.to_broker.transport.abort()

    async def _answers(self, connection: _Connection) -> None:
        with suppress(*_AWAY):
            while True:
                answer = await _read(connection.from_broker)
                if not connection.cut:
                    await _write(connection.to_client, self._with_own_address(answer))
                elif not connection.answer.done():
                    connection.answer.set_result(answer)
        connection.to_client.transport.abort()

    def _with_own_address(self, answer: bytes) -> bytes:
        return answer.replace(_endpoint(self._broker_port), _endpoint(self._own_port))


@asynccontextmanager
async def wire(kafka: str) -> AsyncIterator[Wire]:
    """A proxy in front of the broker at this address."""
    made = Wire(kafka)
    async with made.open():
        yield made


def _endpoint(port: int) -> bytes:
    """Host and port as they stand in answers: a string with its length, and an integer."""
    return struct.pack(f">h{len(_HOST)}si", len(_HOST), _HOST.encode(), port)


def _api(request: bytes) -> int:
    return int.from_bytes(request[:2])


async def _read(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(int.from_bytes(await reader.readexactly(4)))


async def _write(writer: asyncio.StreamWriter, frame: bytes) -> None:
    writer.write(len(frame).to_bytes(4) + frame)
    await writer.drain()
