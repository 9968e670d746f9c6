"""Every store there is: the real one on each version of Postgres, and the one in memory."""

import contextlib
from collections.abc import AsyncIterator

import pytest

from adapters.postgres.connection import connect
from adapters.postgres.migrations import migrate
from adapters.postgres.store import PostgresStore
from domain.ports import Store
from tests.contract.databases import VERSIONS, Servers, fresh_database
from tests.fakes.store import FakeStore

FAKE = "fake"


@contextlib.asynccontextmanager
async def postgres_store(server_dsn: str) -> AsyncIterator[PostgresStore]:
    """A store on a database of its own."""
    async with fresh_database(server_dsn) as dsn:
        await migrate(dsn)
        pool = await connect(dsn)
        yield PostgresStore(pool)
        await pool.close()


@pytest.fixture(params=[FAKE, *VERSIONS], ids=[FAKE, *(f"postgres{version}" for version in VERSIONS)])
async def store(request: pytest.FixtureRequest, servers: Servers) -> AsyncIterator[Store]:
    """A store with three shards."""
    async with contextlib.AsyncExitStack() as opened:
        store: Store = FakeStore()
        if request.param != FAKE:
            store = await opened.enter_async_context(postgres_store(servers[request.param]))
        await store.grow(3)
        yield store
