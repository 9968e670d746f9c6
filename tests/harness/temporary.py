"""Deployments beyond the one of the fixture: each with topics, database and workers of its own, several at once."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.harness.deployment import Deployment
from tests.sql import database_dsn, execute

R = TypeVar("R")

KILLED_AT = "killed at"
"""A property of tests: the step that workers were killed at. The summary of the run lists them."""


@dataclass(frozen=True, slots=True)
class Services:
    """The shared Kafka and Postgres, and a folder for the logs of all deployments."""

    kafka: str
    postgres_admin_dsn: str
    folder: Path


@asynccontextmanager
async def temporary_deployment(
    services: Services, name: str, *, partitions: int, variables: Mapping[str, str]
) -> AsyncIterator[Deployment]:
    """An initialised deployment without workers; its workers are stopped and its database dropped afterwards."""
    unique = f"{name.replace(' ', '-')}-{secrets.token_hex(4)}"
    database = f"test_{unique.replace('-', '_')}"
    folder = services.folder / unique
    folder.mkdir()
    await execute(services.postgres_admin_dsn, f'CREATE DATABASE "{database}"')
    dsn = database_dsn(services.postgres_admin_dsn, database)
    deployment = Deployment(unique, services.kafka, dsn, folder, partitions, dict(variables))
    try:
        await asyncio.to_thread(deployment.init)
        yield deployment
    finally:
        await asyncio.to_thread(deployment.stop)
        await execute(services.postgres_admin_dsn, f'DROP DATABASE "{database}" WITH (FORCE)')


@asynccontextmanager
async def side_by_side(
    jobs: Mapping[str, Callable[[], Awaitable[R]]], at_once: int
) -> AsyncIterator[dict[str, "asyncio.Task[R]"]]:
    """Runs the jobs in their order, so many at a time: they mostly wait. Each test awaits the task of its own job."""
    room = asyncio.Semaphore(at_once)

    async def run(job: Callable[[], Awaitable[R]]) -> R:
        async with room:
            return await job()

    tasks = {name: asyncio.create_task(run(job), name=name) for name, job in jobs.items()}
    try:
        yield tasks
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
