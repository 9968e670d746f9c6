"""The routes, and which status each outcome has."""

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.codec import parse_time
from adapters.codec.fields import LABEL_RULE, is_label
from adapters.postgres.reports import Reports
from consumer import metrics
from consumer.http.answers import AcceptedAnswer, AliveAnswer, ErrorAnswer
from consumer.http.cycle_requests import CycleRequests, RefusedTickError
from consumer.http.guard import Endpoint, Guard
from consumer.http.health import Health
from consumer.http.leaving import while_there
from consumer.http.limits import MOST_REQUESTS, TICKS_AT_ONCE, TICKS_PER_SECOND, Bucket, Room, read_body
from domain.cycles import cycle_record
from domain.errors import MisconfiguredError, RejectedRecordError, TransientError
from domain.explanation import user_record
from domain.policy import Policy
from domain.times import format_time

DEFAULT_TIMEOUT_SECONDS, LONGEST_TIMEOUT_SECONDS = 30.0, 3_600.0
DEFAULT_CYCLES, MOST_CYCLES = 100, 1_000

_STATUS: dict[type[Exception], HTTPStatus] = {
    RejectedRecordError: HTTPStatus.BAD_REQUEST,
    RefusedTickError: HTTPStatus.CONFLICT,
    TransientError: HTTPStatus.SERVICE_UNAVAILABLE,
    MisconfiguredError: HTTPStatus.SERVICE_UNAVAILABLE,
}


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What is served, from what is known. Errors become answers in one place, below."""

    health: Health
    reports: Reports
    requests: CycleRequests
    policy: Policy

    async def run_engagement_cycle(self, request: Request) -> Response:
        """Produce a tick and wait for its cycle."""
        timeout_seconds = _number(request, "timeout", DEFAULT_TIMEOUT_SECONDS, LONGEST_TIMEOUT_SECONDS)
        body = await read_body(request, self.requests.limits.max_record_bytes)
        health = await self.health.ready()
        if not health["ready"]:
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "; ".join(health["problems"]))
        asked = await self.requests.ask(body)
        cycle = await while_there(request, self.requests.cycle_of(asked, timeout_seconds))
        if cycle is not None:
            return JSONResponse(cycle_record(cycle))
        pending = AcceptedAnswer(tick_id=asked.tick.tick_id, at=format_time(asked.tick.at))
        return JSONResponse(pending, HTTPStatus.ACCEPTED)

    async def cycles(self, request: Request) -> Response:
        """Ended cycles, the latest time first."""
        limit = int(_number(request, "limit", DEFAULT_CYCLES, MOST_CYCLES))
        cycles = await self.reports.cycles(limit, _time(request, "before"))
        return JSONResponse([cycle_record(cycle) for cycle in cycles])

    async def cycle(self, request: Request) -> Response:
        """One ended cycle."""
        cycle = await self.reports.cycle(_label(request, "tick_id"))
        if cycle is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "no cycle of a tick with this id has ended")
        return JSONResponse(cycle_record(cycle))

    async def stats(self, _request: Request) -> Response:
        """What the last cycle did."""
        cycle = await self.reports.last_cycle()
        if cycle is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "no cycle has ended yet")
        return JSONResponse(cycle_record(cycle))

    async def user(self, request: Request) -> Response:
        """What the state says of one user."""
        known = await self.reports.user(_label(request, "user_id"))
        if known is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "no activity of this user was seen")
        return JSONResponse(user_record(known, self.policy))

    async def livez(self, _request: Request) -> Response:
        """Whether the worker gets on."""
        alive = self.health.alive
        return JSONResponse(AliveAnswer(alive=alive), HTTPStatus.OK if alive else HTTPStatus.SERVICE_UNAVAILABLE)

    async def readyz(self, _request: Request) -> Response:
        """Whether the worker can do its work now."""
        health = await self.health.ready()
        return JSONResponse(health, HTTPStatus.OK if health["ready"] else HTTPStatus.SERVICE_UNAVAILABLE)

    async def metrics(self, _request: Request) -> Response:
        """Everything that is counted, in Prometheus' text format."""
        return Response(generate_latest(metrics.REGISTRY), headers={"content-type": CONTENT_TYPE_LATEST})


def application(endpoints: Endpoints, guard: Guard) -> Starlette:
    """The application that a server serves: who may ask what is the guard's to say."""
    hold = Room(MOST_REQUESTS).holds
    limit = Bucket(TICKS_AT_ONCE, TICKS_PER_SECOND).limits
    run_engagement_cycle = hold(guard.guards(limit(endpoints.run_engagement_cycle)))
    routes: list[tuple[str, str, Endpoint]] = [
        ("POST", "/run-engagement-cycle/", run_engagement_cycle),
        ("POST", "/run-engagement-cycle", run_engagement_cycle),
        ("GET", "/cycles", hold(endpoints.cycles)),
        # An id may hold slashes.
        ("GET", "/cycles/{tick_id:path}", hold(endpoints.cycle)),
        ("GET", "/stats", hold(endpoints.stats)),
        ("GET", "/users/{user_id:path}", hold(guard.guards(endpoints.user))),
        ("GET", "/livez", endpoints.livez),
        ("GET", "/readyz", hold(endpoints.readyz)),
        ("GET", "/metrics", endpoints.metrics),
    ]
    served = Starlette(
        routes=[Route(path, endpoint, methods=[method]) for method, path, endpoint in routes],
        exception_handlers={
            HTTPException: _answer_http,
            ClientDisconnect: _answer_nobody,
            **dict.fromkeys(_STATUS, _answer_error),
            Exception: _answer_defect,
        },
    )
    # A redirection to the path with a slash, or without, would lead to the host that the request names.
    served.router.redirect_slashes = False
    return served


async def _answer_http(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return JSONResponse(ErrorAnswer(error=error.detail), error.status_code, headers=error.headers)


async def _answer_error(_request: Request, error: Exception) -> Response:
    status = next(status for kind, status in _STATUS.items() if isinstance(error, kind))
    detail = error.detail if isinstance(error, RejectedRecordError) else str(error)
    return JSONResponse(ErrorAnswer(error=detail), status)


async def _answer_nobody(_request: Request, _error: Exception) -> Response:
    """Whoever asked has gone, so this is sent to nobody."""
    return JSONResponse(ErrorAnswer(error="the connection was closed"), HTTPStatus.BAD_REQUEST)


async def _answer_defect(_request: Request, _error: Exception) -> Response:
    return JSONResponse(ErrorAnswer(error="a defect: the worker's log has more"), HTTPStatus.INTERNAL_SERVER_ERROR)


def _bad(name: str, rule: str) -> HTTPException:
    return HTTPException(HTTPStatus.BAD_REQUEST, f"{name}: {rule}")


def _number(request: Request, name: str, default: float, most: float) -> float:
    text = request.query_params.get(name)
    try:
        number = default if text is None else float(text)
    except ValueError:
        number = -1
    if not 0 <= number <= most:
        raise _bad(name, f"must be a number from 0 to {most:g}")
    return number


def _time(request: Request, name: str) -> datetime | None:
    text = request.query_params.get(name)
    try:
        return None if text is None else parse_time(text)
    except ValueError as problem:
        raise _bad(name, str(problem)) from problem


def _label(request: Request, name: str) -> str:
    text: Any = request.path_params[name]
    if not is_label(text):
        raise _bad(name, LABEL_RULE)
    return str(text)
