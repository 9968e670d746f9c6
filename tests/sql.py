"""Databases beside everything else: where they are, and one statement on them."""

from urllib.parse import urlsplit

import asyncpg

_SECONDS = 60.0


async def execute(dsn: str, statement: str) -> None:
    """Run it on a connection of its own, within a minute."""
    connection = await asyncpg.connect(dsn, command_timeout=_SECONDS)
    try:
        await connection.execute(statement)
    finally:
        await connection.close(timeout=_SECONDS)


def database_dsn(dsn: str, name: str) -> str:
    """Return `dsn` (a URL) with another database."""
    return urlsplit(dsn)._replace(path=f"/{name}").geturl()
