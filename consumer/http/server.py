"""Serving an application beside the service, in its event loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import structlog
import uvicorn
from starlette.applications import Starlette

from consumer.http.connections import Connection
from consumer.http.limits import MOST_HEAD_BYTES, SmallHeads
from domain.errors import MisconfiguredError

log = structlog.get_logger()

# What requests under way may take when the worker stops: a part of the ten seconds of a clean stop.
_STOP_SECONDS = 1
_BACKLOG = 128
# What users choose is never taken for anything but data, and no proxy keeps it.
_HEADERS = [("x-content-type-options", "nosniff"), ("cache-control", "no-store")]


class _Server(uvicorn.Server):
    """A server that leaves signals to those who stop the service."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(
    application: Starlette, listener: socket.socket, connection: type[Connection] = Connection
) -> AsyncIterator[None]:
    """Serve on the socket while the block runs."""
    config = uvicorn.Config(
        SmallHeads(application),
        http=connection,
        ws="none",
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        headers=_HEADERS,
        proxy_headers=False,
        h11_max_incomplete_event_size=MOST_HEAD_BYTES,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]), name="serve HTTP")
    try:
        host, port = listener.getsockname()[:2]
        log.info("http_listening", host=host, port=port)
        yield
    finally:
        server.should_exit = True
        await running


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens; where ``port`` is 0, on any free one. Raises MisconfiguredError when it can't be had."""
    try:
        [(family, kind, _, _, address), *_] = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        listener = socket.socket(family, kind)
    except OSError as error:
        raise MisconfiguredError(f"ENGAGEMENT_HTTP_HOST: {host!r} is no address: {error.strerror}") from error
    with contextlib.closing(listener):
        try:
            # A port that was just left by another process may be taken at once.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError as error:
            raise MisconfiguredError(
                f"the HTTP port {host}:{port} can't be opened ({error.strerror}): free it, or let ENGAGEMENT_HTTP_PORT"
                " name another one, 0 for any, or `off`; ENGAGEMENT_HTTP_HOST must be an address of this machine"
            ) from error
        yield listener
