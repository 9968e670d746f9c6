"""One statement on a database, beside everything else."""

import asyncpg


async def execute(dsn: str, statement: str) -> None:
    """Run it on a connection of its own."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
