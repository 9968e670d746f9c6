"""Serving an application beside the service, in its event loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import structlog
import uvicorn
from starlette.applications import Starlette

from domain.errors import MisconfiguredError

log = structlog.get_logger()

# What requests under way may take when the worker stops: a part of the ten seconds of a clean stop.
_STOP_SECONDS = 1
_BACKLOG = 128
# Requests wait for little but Postgres and cycles: so many at once are either a mistake or an attack.
_MOST_AT_ONCE = 200


class _Server(uvicorn.Server):
    """A server that leaves signals to those who stop the service."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(application: Starlette, host: str, port: int) -> AsyncIterator[int]:
    """Serve while the block runs; gives the port, which differs from ``port`` where that is 0.

    Raises MisconfiguredError when the address can't be had.
    """
    with _listening(host, port) as listener:
        config = uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            limit_concurrency=_MOST_AT_ONCE,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
        server = _Server(config)
        running = asyncio.create_task(server.serve(sockets=[listener]), name="serve HTTP")
        try:
            bound = int(listener.getsockname()[1])
            log.info("http_listening", host=host, port=bound)
            yield bound
        finally:
            server.should_exit = True
            await running


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
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
