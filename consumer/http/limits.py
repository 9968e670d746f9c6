"""How much may be asked: requests at once, ticks a second, and the time that a body may take."""

import asyncio
import math
import time
from collections.abc import Callable
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from consumer.http.answers import ErrorAnswer
from consumer.http.guard import Endpoint

# Request line and headers together: ids have 128 characters, percent-encoded 1.5 KiB at most.
MOST_HEAD_BYTES = 16 * 1024
# Ticks that wait are coalesced, so more of them cost little; more than this are a mistake or an attack.
TICKS_AT_ONCE, TICKS_PER_SECOND = 100, 10.0
# Requests wait for little but four connections to Postgres, and for cycles.
MOST_REQUESTS = 100
# The smallest body that is refused has 64 KiB: a tenth of what a modem carries.
BODY_SECONDS = 10.0


class Bucket:
    """Lets so many through at once and, on average, so many a second."""

    def __init__(self, burst: int, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._per_second, self._clock = burst, per_second, clock
        self._left, self._counted_at = float(burst), clock()

    def take(self) -> float:
        """Pass, with 0; or don't, with the seconds until the next one may."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._counted_at) * self._per_second)
        self._counted_at = now
        if self._left < 1:
            return (1 - self._left) / self._per_second
        self._left -= 1
        return 0.0

    def limits(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint, asked no more often; beyond, HTTPException with status 429."""

        async def limited(request: Request) -> Response:
            wait = self.take()
            if wait:
                raise HTTPException(
                    HTTPStatus.TOO_MANY_REQUESTS,
                    f"more than {self._burst} requests at once, or {self._per_second:g} a second",
                    {"Retry-After": str(math.ceil(wait))},
                )
            return await endpoint(request)

        return limited


class Room:
    """Holds so many requests at once. What tells whether the worker is alive needs none."""

    def __init__(self, most: int) -> None:
        self._free = most

    def holds(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint; with no room left, HTTPException with status 503."""

        async def held(request: Request) -> Response:
            if not self._free:
                raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "too many requests at once", {"Retry-After": "1"})
            self._free -= 1
            try:
                return await endpoint(request)
            finally:
                self._free += 1

        return held


class SmallHeads:
    """Passes requests on to the application, and answers those whose line and headers are too large.

    The server's own limit is for heads that come in parts.
    """

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What the server calls for each request."""
        size = len(scope["raw_path"]) + len(scope["query_string"])
        size += sum(len(name) + len(value) for name, value in scope["headers"])
        application = self._application
        if size > MOST_HEAD_BYTES:
            error = ErrorAnswer(error=f"the request's line and headers have more than {MOST_HEAD_BYTES} bytes")
            application = JSONResponse(error, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        await application(scope, receive, send)


async def read_body(request: Request, most_bytes: int, seconds: float = BODY_SECONDS) -> bytes:
    """The body; of one that is too large, no more than is needed to see that.

    Raises ClientDisconnect, and HTTPException with status 408 where the body isn't there in time.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                body += part
                if len(body) > most_bytes:
                    break
    except TimeoutError:
        raise HTTPException(
            HTTPStatus.REQUEST_TIMEOUT, f"the body was not there within {seconds:g} s", {"Connection": "close"}
        ) from None
    return bytes(body)
