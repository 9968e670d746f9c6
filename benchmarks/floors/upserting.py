"""Writing the state of users into Postgres."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg

from benchmarks.floors.part import Work
from benchmarks.ingest import database
from benchmarks.peers.plain import CREATE, UPSERT
from benchmarks.services import Services
from benchmarks.streams import user_id

_BEFORE, _AFTER = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=days) for days in (0, 1))


@dataclass(frozen=True, slots=True)
class Upsert:
    """The plain script's statement on its table, ``times`` times, with ``rows`` sorted rows of any of the ``users``."""

    users: int
    rows: int
    times: int
    unit: str = "rows"

    @property
    def name(self) -> str:
        """With its sizes."""
        return f"upsert, {self.rows:,} sorted rows a statement into {self.users:,} users"

    @property
    def count(self) -> int:
        """Rows, of all statements."""
        return self.rows * self.times

    @asynccontextmanager
    async def ready(self, services: Services, name: str) -> AsyncIterator[Work]:
        """A table of all users, who lie there in any order."""
        async with database(services, name) as dsn:
            connection = await asyncpg.connect(dsn)
            try:
                rng = random.Random(1)  # noqa: S311 - repeatable, not secret
                await self._fill(connection, rng)
                batches = [sorted(map(user_id, rng.sample(range(self.users), self.rows))) for _ in range(self.times)]

                async def work() -> int:
                    return await self._upsert(connection, batches)

                yield work
            finally:
                await connection.close()

    async def _fill(self, connection: asyncpg.Connection, rng: random.Random) -> None:
        users = [user_id(number) for number in rng.sample(range(self.users), self.users)]
        await connection.execute(CREATE)
        await connection.copy_records_to_table(
            "user_state",
            records=[(user, _BEFORE, _BEFORE) for user in users],
            columns=["user_id", "last_active", "wake_at"],
        )
        await connection.execute("VACUUM (ANALYZE) user_state")
        await connection.execute("CHECKPOINT")

    async def _upsert(self, connection: asyncpg.Connection, batches: Sequence[Sequence[str]]) -> int:
        statement = await connection.prepare(UPSERT)
        for number, users in enumerate(batches):
            # Each time is later than those before: no row is left as it is.
            await statement.fetch(users, [_AFTER + timedelta(seconds=number)] * len(users))
        return sum(map(len, batches))
