"""What operators ask Postgres about itself. Nothing is changed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from adapters.postgres.connection import connect
from adapters.postgres.migrations import check_schema
from adapters.postgres.queries import ask
from adapters.postgres.reports import Reports
from domain.errors import MisconfiguredError

OLDEST_MAJOR_VERSION = 15


@dataclass(frozen=True, slots=True)
class Server:
    """The server, and as whom we are there. ``durable``: a crash loses nothing that was committed."""

    version: str
    version_number: int
    database: str
    role: str
    standby: bool
    read_only: bool
    durable: bool

    @property
    def too_old(self) -> bool:
        """Whether the engine's statements may be unknown to it."""
        return self.version_number // 10_000 < OLDEST_MAJOR_VERSION


@dataclass(frozen=True, slots=True)
class MissingRight:
    """A right that the role needs and lacks, in the words of a GRANT."""

    object: str
    privilege: str

    def told(self, role: str) -> str:
        """That the role lacks it, and the remedy, in a line."""
        return (
            f"the role of ENGAGEMENT_POSTGRES_DSN lacks {self.privilege} on {self.object}: as the owner, GRANT"
            f' {self.privilege} ON {self.object} TO "{role}"'
        )


class Inspection:
    """Looks at a pool's database. Every method raises TransientError, MisconfiguredError."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self.reports = Reports(pool)
        """What the state says; to be asked only where schema and rights are right."""

    async def server(self) -> Server:
        """Which server this is."""
        [row] = await ask(self._pool, "describe_server")
        return Server(**row)

    async def missing_rights(self) -> list[MissingRight]:
        """What was not granted on those objects that exist."""
        return [MissingRight(**row) for row in await ask(self._pool, "missing_rights")]

    async def check_schema(self) -> None:
        """Raises MisconfiguredError unless the schema is at head."""
        await check_schema(self._pool)


async def require_rights(pool: asyncpg.Pool) -> None:
    """Raises MisconfiguredError, a line for each right that the role lacks on what exists; TransientError."""
    inspection = Inspection(pool)
    missing = await inspection.missing_rights()
    if missing:
        role = (await inspection.server()).role
        raise MisconfiguredError("\n".join(right.told(role) for right in missing))


@asynccontextmanager
async def opened_inspection(dsn: str) -> AsyncIterator[Inspection]:
    """An inspection that connects with its first question. Raises TransientError, MisconfiguredError."""
    pool = await connect(dsn, max_size=1)
    try:
        yield Inspection(pool)
    finally:
        # At once: a server that doesn't answer would be waited for.
        pool.terminate()
