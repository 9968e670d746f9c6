"""A Postgres whose log a test may read: which statements it was asked to run."""

import re
from pathlib import Path

import asyncpg

from adapters.postgres.migrations import migrate
from tests.sql import database_dsn

_STATEMENT = re.compile(r"LOG: +(?:execute [^:]*|statement): (.*)")


def statements(log: Path) -> list[str]:
    """All that the log has, in their order."""
    return _STATEMENT.findall(log.read_text(encoding="utf-8"))


async def logged_database(server: str, name: str) -> str:
    """DSN of a new migrated database, of which every statement is logged."""
    admin = await asyncpg.connect(server)
    try:
        await admin.execute(f"CREATE DATABASE {name}")
        await admin.execute(f"ALTER DATABASE {name} SET log_statement = 'all'")
    finally:
        await admin.close()
    dsn = database_dsn(server, name)
    await migrate(dsn)
    return dsn
