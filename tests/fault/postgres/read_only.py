"""The primary takes no writes for a while, as managed services do when the disk fills: it still answers questions."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from tests.fault.postgres.refusing import served_scene, sit_out
from tests.harness.restartable import restartable_postgres
from tests.harness.temporary import Services
from tests.sql import execute


async def run(services: Services, _rng: random.Random) -> list[str]:
    """Every difference from what was promised."""
    async with restartable_postgres(services.folder) as (dsn, _):
        own = replace(services, postgres_admin_dsn=dsn)
        async with served_scene(own, "read-only") as each:
            return await sit_out(each, read_only(dsn), "ReadOnlySQLTransactionError")


@asynccontextmanager
async def read_only(dsn: str) -> AsyncIterator[None]:
    """Every transaction that begins within the context may only read, in sessions old and new."""
    await _set(dsn, "SET default_transaction_read_only = on")
    try:
        yield
    finally:
        await _set(dsn, "RESET default_transaction_read_only")


async def _set(dsn: str, setting: str) -> None:
    await execute(dsn, f"ALTER SYSTEM {setting}")
    await execute(dsn, "SELECT pg_reload_conf()")
