"""A way to a real broker on which answers become errors: what the broker could say, and can't be made to.

Answers are taken apart with aiokafka's own description of the protocol, and put together again with other error codes.
Addresses in them become the liar's own, so that whoever begins here meets the broker here.
"""

import asyncio
import io
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from enum import IntEnum
from typing import Any

from aiokafka.protocol.api import Response
from aiokafka.protocol.types import Array, Schema


class Api(IntEnum):
    """Kinds of requests, by Kafka's numbers."""

    PRODUCE = 0
    FETCH = 1
    LIST_OFFSETS = 2
    METADATA = 3
    OFFSET_COMMIT = 8
    OFFSET_FETCH = 9
    FIND_COORDINATOR = 10
    JOIN_GROUP = 11
    HEARTBEAT = 12
    SYNC_GROUP = 14
    DESCRIBE_GROUPS = 15
    INIT_PRODUCER_ID = 22
    ADD_PARTITIONS_TO_TXN = 24
    END_TXN = 26
    DESCRIBE_CONFIGS = 32


FOR_EVER = -1
HANG_UP = -2
"""In place of an error code: the connection ends, and there is no answer."""

Change = Callable[[str, Any], Any]


class Liar:
    """Made by ``lying``. ``tell`` begins a lie, ``told`` counts the answers that were changed."""

    def __init__(self, host: str, port: int) -> None:
        self.port = 0
        self.told = 0
        self._upstream = host, port
        self._lies: dict[int, tuple[int, int]] = {}
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def bootstrap_servers(self) -> str:
        """Address for clients."""
        return f"127.0.0.1:{self.port}"

    def tell(self, api: Api, code: int, times: int = FOR_EVER) -> None:
        """Put this error code into so many answers to requests of this kind."""
        self._lies[api] = code, times

    def be_honest(self) -> None:
        """No lies any more."""
        self._lies.clear()

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A client is here.

        The task is the liar's own: of one that asyncio had made, Python 3.11 asks for the exception when it was
        cancelled, and reports that as an error.
        """
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def stop(self) -> None:
        """End all connections."""
        connections = list(self._connections)
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked: dict[int, tuple[int, int]] = {}
        to_broker: asyncio.StreamWriter | None = None
        try:
            from_broker, to_broker = await asyncio.open_connection(*self._upstream)
            async with asyncio.TaskGroup() as both:
                both.create_task(_pass_on(reader, to_broker, lambda frame: _note(frame, asked)))
                both.create_task(_pass_on(from_broker, writer, lambda frame: self._answer(frame, asked)))
        except* (OSError, EOFError):
            pass  # one side is gone, so the other one goes, too
        finally:
            for end in (writer, to_broker):
                if end is not None:
                    end.transport.abort()

    def _answer(self, frame: bytes, asked: dict[int, tuple[int, int]]) -> bytes:
        (correlation,) = struct.unpack(">i", frame[:4])
        api, version = asked.pop(correlation)
        kind = _RESPONSES.get((api, version))
        code, times = self._lies.get(api, (0, 0))
        if kind is None or (times == 0 and api not in (Api.METADATA, Api.FIND_COORDINATOR)):
            return frame
        if times and code == HANG_UP:
            self.told += 1
            raise EOFError
        response = kind.decode(io.BytesIO(frame[4:]))
        values = [getattr(response, name) for name in kind.SCHEMA.names]

        def change(name: str, value: Any) -> Any:
            if name == "error_code" and times:
                return code
            return self.port if name == "port" and value == self._upstream[1] else value

        if times:
            self.told += 1
            self._lies[api] = code, times - 1 if times > 0 else times
        return frame[:4] + bytes(kind.SCHEMA.encode(_changed(kind.SCHEMA, values, change)))


@asynccontextmanager
async def lying(bootstrap_servers: str) -> AsyncIterator[Liar]:
    """A way to that broker, honest at first."""
    host, _, port = bootstrap_servers.partition(":")
    liar = Liar(host, int(port))
    server = await asyncio.start_server(liar.connected, "127.0.0.1", 0)
    liar.port = server.sockets[0].getsockname()[1]
    try:
        yield liar
    finally:
        server.close()
        await liar.stop()
        await server.wait_closed()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, look: Callable[[bytes], bytes]) -> None:
    while True:
        (size,) = struct.unpack(">i", await reader.readexactly(4))
        frame = look(await reader.readexactly(size))
        writer.write(struct.pack(">i", len(frame)) + frame)
        await writer.drain()


def _note(frame: bytes, asked: dict[int, tuple[int, int]]) -> bytes:
    api, version, correlation = struct.unpack(">hhi", frame[:8])
    asked[correlation] = api, version
    return frame


def _changed(schema: Any, value: Any, change: Change) -> Any:
    """The value with each of its named parts as ``change`` gives it."""
    if value is None:
        return None
    if isinstance(schema, Schema):
        return tuple(
            change(name, _changed(field, part, change))
            for name, field, part in zip(schema.names, schema.fields, value, strict=True)
        )
    if isinstance(schema, Array):
        return [_changed(schema.array_of, part, change) for part in value]
    return value


def _kinds(base: type[Response]) -> Iterator[type[Response]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _kinds(kind)


def _is_old(field: Any) -> bool:
    name = field.__name__ if isinstance(field, type) else type(field).__name__
    return not name.startswith(("Compact", "Tagged"))


# Those of the old encoding: answers in the new one have another header, and nothing that matters here uses it.
_RESPONSES = {
    (kind.API_KEY, kind.API_VERSION): kind
    for kind in _kinds(Response)
    if all(_is_old(field) for field in kind.SCHEMA.fields)
}
