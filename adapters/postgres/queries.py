"""The named statements of ``queries/*.sql``: every statement that the store runs can be read there, without Python."""

import re
from importlib.resources import files

import asyncpg

from adapters.postgres.connection import CALL_SECONDS, postgres_errors

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load_queries() -> dict[str, str]:
    """Statements by name."""
    queries: dict[str, str] = {}
    for file in files("adapters.postgres").joinpath("queries").iterdir():
        _, *parts = _NAME.split(file.read_text(encoding="utf-8"))
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            if name in queries:
                raise ValueError(f"two statements are named {name}")
            queries[name] = text.strip()
    return queries


QUERIES = load_queries()


async def ask(pool: asyncpg.Pool, name: str, *arguments: object) -> list[asyncpg.Record]:
    """The rows that the named statement returns, by itself. Raises TransientError, MisconfiguredError."""
    with postgres_errors():
        return await pool.fetch(QUERIES[name], *arguments, timeout=CALL_SECONDS)
