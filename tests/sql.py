"""Databases beside everything else: where they are, and one statement on them."""

from urllib.parse import urlsplit

import asyncpg


async def execute(dsn: str, statement: str) -> None:
    """Run it on a connection of its own."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def database_dsn(dsn: str, name: str) -> str:
    """Return `dsn` (a URL) with another database."""
    return urlsplit(dsn)._replace(path=f"/{name}").geturl()
