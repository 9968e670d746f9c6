"""Databases on every version of Postgres that the engine is meant for."""

import contextlib
import uuid
from collections.abc import AsyncIterator

import asyncpg

from deploy.local.folders import LOCAL_FOLDER
from deploy.local.stack import running_postgres
from tests.sql import database_dsn

VERSIONS = (15, 16, 18)


class Servers:
    """A server of each version, started when it is first asked for."""

    def __init__(self, started: contextlib.ExitStack) -> None:
        self._started = started
        self._dsns: dict[int, str] = {}

    def __getitem__(self, version: int) -> str:
        """The server's DSN."""
        if version not in self._dsns:
            self._dsns[version] = self._started.enter_context(running_postgres(LOCAL_FOLDER, version))
        return self._dsns[version]


@contextlib.asynccontextmanager
async def fresh_database(server_dsn: str) -> AsyncIterator[str]:
    """DSN of a fresh, empty database, dropped afterwards."""
    admin = await asyncpg.connect(server_dsn)
    name = f"test_{uuid.uuid4().hex}"
    await admin.execute(f"CREATE DATABASE {name}")
    yield database_dsn(server_dsn, name)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()
