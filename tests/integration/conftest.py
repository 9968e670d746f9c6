"""A migrated database."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from adapters.postgres.connection import connect
from adapters.postgres.migrations import migrate


@pytest.fixture
async def pool(database: str) -> AsyncIterator[asyncpg.Pool]:
    """Connections as the engine uses them."""
    await migrate(database)
    pool = await connect(database)
    yield pool
    await pool.close()
