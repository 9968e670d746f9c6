"""HTTP for one worker, built from its settings."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial

from adapters.postgres.connection import connect, disconnect
from adapters.postgres.migrations import check_schema
from adapters.postgres.reports import Reports
from consumer.http.application import Endpoints, application
from consumer.http.cycle_requests import CycleRequests
from consumer.http.guard import Guard, address_of
from consumer.http.health import Health
from consumer.http.server import listening, serving
from consumer.settings import Settings
from consumer.wiring import kafka_connection, postgres_dsn

_CONNECTIONS = 4


@contextlib.asynccontextmanager
async def open_http(settings: Settings, stop: asyncio.Event) -> AsyncIterator[Health]:
    """Serve HTTP while the block runs, if the settings want it. Whoever opens a service names it to what this gives.

    From ``stop`` on the worker is not ready. Nothing needs to be reachable.
    Raises MisconfiguredError when the port can't be had.
    """
    pool = await connect(postgres_dsn(settings), max_size=_CONNECTIONS)
    reports = Reports(pool)
    health = Health(reports, partial(check_schema, pool), stop)
    requests = CycleRequests(kafka_connection(settings), settings.tick_topic, settings.limits, reports)
    endpoints = Endpoints(health, reports, requests, settings.policy)
    try:
        if settings.http_port is None:
            yield health
        else:
            with listening(settings.http_host, settings.http_port) as listener:
                guard = Guard(_token(settings), address_of(listener), settings.http_host)
                async with serving(application(endpoints, guard), listener):
                    yield health
    finally:
        await disconnect(pool)


def _token(settings: Settings) -> bytes | None:
    return None if settings.http_token is None else settings.http_token.get_secret_value().encode()
