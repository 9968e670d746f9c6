"""Connections that nobody can hold open for nothing."""

import asyncio
import json
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

# From the opening of a connection, or its last answer, to the whole head of the next request; and for reading an
# answer. Whoever sends a byte now and then gains nothing by it.
PATIENCE_SECONDS = 10.0
MOST_CONNECTIONS = 200


class Connection(H11Protocol):
    """Uvicorn's, which ends when the next request, or the reading of the last answer, takes too long.

    Where there are too many, the one that has waited longest for its request goes, so that those who hold connections
    open keep nobody out.
    """

    patience_seconds = PATIENCE_SECONDS
    most = MOST_CONNECTIONS

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.waiting_since: float | None = None
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's is
        """Called by the event loop, as the others of these names."""
        super().connection_made(transport)
        self._wait()
        self._make_room()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._wait_no_more_if_busy()

    def on_response_complete(self) -> None:
        """Called by uvicorn after each answer; what was received meanwhile may be a request."""
        self._wait()
        super().on_response_complete()
        self._wait_no_more_if_busy()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - its text is not JSON
        """Answer what is no request, unless an answer is under way already."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = json.dumps({"error": "this is not HTTP/1.1, or the head of the request is too large"}).encode()
            headers = [
                ("content-type", "application/json"),
                ("content-length", str(len(body))),
                ("connection", "close"),
            ]
            status = HTTPStatus.BAD_REQUEST
            for event in (
                h11.Response(status_code=status, headers=headers, reason=status.phrase),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _should_upgrade(self) -> bool:
        """No other protocol is spoken, so the wish for one is passed over."""
        return False

    def _wait(self) -> None:
        self._wait_no_more()
        self.waiting_since = self.loop.time()
        self._patience = self.loop.call_later(self.patience_seconds, self.transport.abort)

    def _wait_no_more(self) -> None:
        self.waiting_since = None
        if self._patience is not None:
            self._patience.cancel()

    def _wait_no_more_if_busy(self) -> None:
        # Before the first request there is no cycle, whatever its type says.
        if not getattr(self.cycle, "response_complete", True):
            self._wait_no_more()

    def _make_room(self) -> None:
        # One that ends leaves the set only when the event loop comes round to it.
        there = [each for each in self.connections if not each.transport.is_closing()]
        if len(there) > self.most:
            waiting = [each for each in there if isinstance(each, Connection) and each.waiting_since is not None]
            min(waiting, key=lambda each: each.waiting_since or 0.0).transport.abort()
