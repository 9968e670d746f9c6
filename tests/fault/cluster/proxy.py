"""A TCP proxy that does to connections what networks do: it cuts them, falls silent, dawdles, or is narrow."""

import asyncio
import socket
import struct
from collections import deque
from contextlib import suppress
from types import TracebackType
from typing import Literal, Self, cast

from deploy.local.ports import free_port

Silent = Literal["both", "to_server", "to_client"]
Way = Literal["to_server", "to_client"]

# What is held back of one direction of one connection; more is left unread, so that its sender has to wait. The
# throughput under a delay is at most this much per delay.
MOST_BYTES = 4 * 1024 * 1024
# A narrow connection passes so much at a time: twenty pieces a second.
_PIECE_SECONDS = 0.05
_RESET = struct.pack("ii", 1, 0)

_End = Literal["closed", "reset"]
_Pair = tuple["_Side", "_Side"]


class Proxy:
    """Listens on 127.0.0.1 and a port that stays, in front of one server; to be used as an asynchronous context.

    Each verb sets one fault, for connections that exist and for new ones, until ``heal``; several may hold at once.
    They are to be called in the loop of the context.
    """

    def __init__(self, target_host: str, target_port: int) -> None:
        self.port = free_port()
        self.target_port = target_port
        self.silent: Silent | None = None
        self.seconds = 0.0
        self.close_seconds = 0.0
        self.rate: float | None = None
        self._target = target_host, target_port
        self._listener: socket.socket | None = None
        self._pairs: set[_Pair] = set()
        self._connecting: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connecting = list(self._connecting)
        self.cut()
        await asyncio.gather(*connecting, return_exceptions=True)

    @property
    def connections(self) -> int:
        """How many there are; one that only one side knows to have ended counts."""
        return len(self._pairs)

    @property
    def held(self) -> int:
        """How many bytes are held back, of all connections."""
        return sum(side.held for pair in self._pairs for side in pair)

    def cut(self) -> None:
        """Reset all connections, and refuse new ones."""
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None
        for task in self._connecting:
            task.cancel()
        for pair in list(self._pairs):
            self._drop(pair)

    def half_open(self, silent: Silent = "both") -> None:
        """Keep and accept connections, and pass on nothing, not even their end: the network drops every packet.

        What is sent meanwhile arrives after ``heal``, as what TCP repeats does.
        """
        self.silent = silent

    def delay(self, seconds: float) -> None:
        """Everything takes so much longer, each way; the order stays."""
        self.seconds = seconds

    def throttle(self, bytes_per_second: float) -> None:
        """No connection passes more than that, each way."""
        self.rate = bytes_per_second

    def slow_close(self, seconds: float) -> None:
        """One side hears so much later that the other one has closed or reset the connection."""
        self.close_seconds = seconds

    def heal(self) -> None:
        """Be a plain proxy again; what was held back is passed on at once."""
        self.silent, self.seconds, self.close_seconds, self.rate = None, 0.0, 0.0, None
        if self._listener is None:
            self._listen()
        for pair in list(self._pairs):
            for side in pair:
                side.hurry()

    def passes(self, way: Way) -> bool:
        """Whether anything gets through in this direction."""
        return self.silent not in ("both", way)

    def forget(self, pair: "_Pair") -> None:
        """Both sides have ended."""
        self._pairs.discard(pair)

    def _listen(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        listener.setblocking(False)
        asyncio.get_running_loop().add_reader(listener, self._accept, listener)
        self._listener = listener

    def _accept(self, listener: socket.socket) -> None:
        try:
            client, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # it has given up meanwhile
        client.setblocking(False)
        task = asyncio.create_task(self._connect(client))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, client: socket.socket) -> None:
        pair = _Side(self, "to_server"), _Side(self, "to_client")
        pair[0].pair, pair[1].pair = pair, pair
        self._pairs.add(pair)
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(lambda: pair[0], client)
            await loop.create_connection(lambda: pair[1], *self._target)
        except (OSError, asyncio.CancelledError):
            # Nobody is there, or the connection was cut: the client hears of it as it does without a proxy.
            self._drop(pair)
            if pair[0].transport is None:
                client.close()

    def _drop(self, pair: "_Pair") -> None:
        for side in pair:
            side.reset()
        self.forget(pair)


class _Side(asyncio.Protocol):
    """One end of a connection; what it reads goes to the other end, as the proxy's faults allow."""

    def __init__(self, proxy: Proxy, way: Way) -> None:
        self.transport: asyncio.Transport | None = None
        self.lost = False
        self.full = False
        self.pair: _Pair = (self, self)
        self._proxy = proxy
        self._way: Way = way
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[float, bytes | _End]] = deque()
        self.held = 0
        self._free_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False

    @property
    def other(self) -> "_Side":
        """The other end."""
        return self.pair[1] if self.pair[0] is self else self.pair[0]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.other.pump()

    def data_received(self, data: bytes) -> None:
        self._waiting.append((self._loop.time() + self._proxy.seconds, data))
        self.held += len(data)
        self.pump()
        if self.held > MOST_BYTES and self.transport is not None:
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        self._end("closed")
        return True  # the other direction goes on

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._end("closed" if exc is None else "reset")
        if self.other.lost:
            self._proxy.forget(self.pair)

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        self.other.pump()

    def hurry(self) -> None:
        """Pass on at once what was held back."""
        self._waiting = deque((0.0, item) for _, item in self._waiting)
        self._free_at = 0.0
        self.pump()

    def reset(self) -> None:
        """End this side without a word."""
        self._waiting.clear()
        self.held = 0
        if self._timer is not None:
            self._timer.cancel()
        if self.transport is not None and not self.lost:
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.transport.abort()

    def pump(self) -> None:
        """Pass on what is due, in its order."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        sink = self.other.transport
        while self._waiting and sink is not None and self._proxy.passes(self._way) and not self.other.full:
            due, item = self._waiting[0]
            wait_until = max(due, self._free_at)
            if wait_until > self._loop.time():
                self._timer = self._loop.call_at(wait_until, self.pump)
                break
            self._waiting.popleft()
            if isinstance(item, bytes):
                self._write(sink, due, item)
            else:
                self._pass_end(sink, item)
        if self.held <= MOST_BYTES // 2 and self.transport is not None and not self.lost:
            self.transport.resume_reading()

    def _write(self, sink: asyncio.Transport, due: float, data: bytes) -> None:
        rate = self._proxy.rate
        piece = data
        if rate is not None:
            piece = data[: max(1, int(rate * _PIECE_SECONDS))]
            self._free_at = self._loop.time() + len(piece) / rate
            if len(piece) < len(data):
                self._waiting.appendleft((due, data[len(piece) :]))
        self.held -= len(piece)
        if not sink.is_closing():
            sink.write(piece)

    def _end(self, end: _End) -> None:
        """Note, once, that nothing more comes from this side."""
        if self._ended and end == "closed":
            return
        self._ended = True
        self._waiting.append((self._loop.time() + self._proxy.seconds + self._proxy.close_seconds, end))
        self.pump()

    def _pass_end(self, sink: asyncio.Transport, end: _End) -> None:
        if end == "reset":
            self.other.reset()
        elif not sink.is_closing() and sink.can_write_eof():
            # Reset meanwhile: nobody has read that yet.
            with suppress(OSError):
                sink.write_eof()
        if self._ended and self.other._ended and not (self._waiting or self.other._waiting):
            for side in self.pair:
                if side.transport is not None:
                    side.transport.close()
