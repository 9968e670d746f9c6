"""A migrated database for each test, on every version of Postgres that the engine is meant for."""

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import asyncpg
import pytest

from adapters.postgres.connection import connect
from adapters.postgres.migrations import migrate
from adapters.postgres.store import PostgresStore
from deploy.local.folders import LOCAL_FOLDER
from deploy.local.stack import running_postgres
from tests.conftest import database_dsn

VERSIONS = (15, 16, 18)


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[int, str]]:
    """DSN of a server of each version."""
    with ExitStack() as started:
        yield {version: started.enter_context(running_postgres(LOCAL_FOLDER, version)) for version in VERSIONS}


@pytest.fixture(params=VERSIONS, ids=[f"postgres{version}" for version in VERSIONS])
async def dsn(request: pytest.FixtureRequest, servers: dict[int, str]) -> AsyncIterator[str]:
    """DSN of a fresh, empty database."""
    admin = await asyncpg.connect(servers[request.param])
    name = f"test_{uuid.uuid4().hex}"
    await admin.execute(f"CREATE DATABASE {name}")
    yield database_dsn(servers[request.param], name)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[asyncpg.Pool]:
    """Connections as the engine uses them, to a migrated database."""
    await migrate(dsn)
    pool = await connect(dsn)
    yield pool
    await pool.close()


@pytest.fixture
async def store(pool: asyncpg.Pool) -> PostgresStore:
    """A store with three shards."""
    store = PostgresStore(pool)
    await store.grow(3)
    return store
