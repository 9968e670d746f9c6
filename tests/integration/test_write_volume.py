"""How much a batch and a chunk of a tick make Postgres write: a guard against decay that no noise disturbs.

Counted are statements and bytes of WAL, without the pages that Postgres adds after each checkpoint. The bounds are what
was counted with PostgreSQL 18, and a quarter more. Whoever has made something dearer for a reason raises one.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from adapters.codec import encode_message
from adapters.postgres.connection import connect
from adapters.postgres.store import PostgresStore
from deploy.local.postgres import PostgresServer
from domain.chunks import decide_chunk
from domain.cycles import Figures
from domain.ownership import Ownership
from domain.users import Outcome
from tests.builders import DAY, HOUR, NOON, PRODUCTION, activity, changes, tick
from tests.integration.logged import logged_database, statements

MARGIN = 1.25
DUE = 2_000


@dataclass(frozen=True)
class Written:
    """What something has cost."""

    statements: int
    wal: int


@dataclass(frozen=True)
class Deployment:
    """A database with one shard, on a server whose log can be read."""

    store: PostgresStore
    pool: asyncpg.Pool
    log: Path

    async def written(self) -> Written:
        """Since the server started."""
        asked = len(statements(self.log))
        return Written(asked, int(await self.pool.fetchval("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """DSN and log of a server of this module's own."""
    folder = tmp_path_factory.mktemp("postgres")
    server = PostgresServer(folder)
    server.start()
    yield server.dsn, folder / "postgres.log"
    server.stop()


@pytest.fixture
async def deployment(server: tuple[str, Path], unique: str) -> AsyncIterator[Deployment]:
    """One that writes nothing by itself, and no whole pages."""
    dsn, log = server
    admin = await asyncpg.connect(dsn)
    await admin.execute("ALTER SYSTEM SET full_page_writes = off")
    await admin.execute("ALTER SYSTEM SET autovacuum = off")
    await admin.execute("SELECT pg_reload_conf()")
    await admin.close()
    pool = await connect(await logged_database(dsn, unique.replace("-", "_")), max_size=1)
    store = PostgresStore(pool)
    await store.grow(1)
    yield Deployment(store, pool, log)
    await pool.close()


async def take_in(store: PostgresStore, ownership: Ownership, users: range, hours: int) -> None:
    """An event of each of these users."""
    events = [activity(f"user {number}", NOON + hours * HOUR) for number in users]
    async with store.transaction(ownership, durable=False) as write:
        await write.apply_activity(changes(*events), PRODUCTION)
        write.state = replace(write.state, position=write.state.position + 1 + len(users))
        await write.commit()


async def decide(store: PostgresStore, ownership: Ownership) -> None:
    """A chunk of users who all get a message."""
    asked, encode = tick(NOON + 3 * DAY), partial(encode_message, topic="messages", event_source="/test")
    async with store.transaction(ownership) as write:
        due = await write.due_users(asked.tick.at, PRODUCTION, DUE)
        assert len(due.users) == DUE
        chunk = decide_chunk(due.users, asked.tick, PRODUCTION, Figures(), encode)
        messages = [message for message, _ in chunk.messages]
        await write.write_messaged(messages, chunk.messageable_at)
        await write.log_messages(messages)
        await write.add_entry([record for _, record in chunk.messages])
        write.state = replace(write.state, active=write.state.active + chunk.counters[Outcome.ACTIVE])
        await write.commit()


async def confirm(store: PostgresStore, ownership: Ownership) -> None:
    async with store.transaction(ownership) as write:
        await write.confirm(write.state.decided)
        await write.commit()


async def test_batches_and_chunks_write_no_more_than_they_did(deployment: Deployment) -> None:
    store = deployment.store
    ownership = (await store.take_over(0)).ownership
    everybody = range(1, 10_001)
    work: list[tuple[str, Callable[[], Awaitable[None]], int, Written | None]] = [
        # What a connection does for the first time takes statements that ask for the types.
        ("a first batch", partial(take_in, store, ownership, range(1), 0), 1, None),
        ("a new user", partial(take_in, store, ownership, everybody, 0), 10_000, Written(5, 309)),
        # As many as find room beside their old rows.
        ("a user who is known", partial(take_in, store, ownership, everybody[::10], 1), 1_000, Written(5, 153)),
        ("a first chunk", partial(decide, store, ownership), 1, None),
        ("a message", partial(decide, store, ownership), DUE, Written(8, 728)),
        ("the confirmation of two entries", partial(confirm, store, ownership), 1, Written(5, 3424)),
    ]
    for name, do, units, counted in work:
        before = await deployment.written()
        await do()
        after = await deployment.written()
        if counted is not None:
            # One statement asked how much was written before.
            assert after.statements - before.statements - 1 <= counted.statements, name
            assert (after.wal - before.wal) / units <= counted.wal * MARGIN, name
