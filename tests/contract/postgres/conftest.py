"""A migrated database for each test, on every version of Postgres that the engine is meant for."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from adapters.postgres.connection import connect
from adapters.postgres.migrations import migrate
from adapters.postgres.store import PostgresStore
from tests.contract.databases import VERSIONS, Servers, fresh_database


@pytest.fixture(params=VERSIONS, ids=[f"postgres{version}" for version in VERSIONS])
async def dsn(request: pytest.FixtureRequest, servers: Servers) -> AsyncIterator[str]:
    """DSN of a fresh, empty database."""
    async with fresh_database(servers[request.param]) as dsn:
        yield dsn


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
