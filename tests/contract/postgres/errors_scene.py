"""A database on which every error of the server can be provoked, and the store that meets them as the engine does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import asyncpg

from adapters.postgres.connection import connect, disconnect
from adapters.postgres.migrations import migrate
from adapters.postgres.store import PostgresStore
from domain.errors import EngagementError
from domain.ownership import Ownership
from tests.builders import HOUR, NOON, activity
from tests.conditions import eventually
from tests.contract.store.owner import take_in

PASSWORD = "hunter2-of-postgres"
USER, OTHER, NAME = "12-of-nobody", "34-of-nobody", "Ghost Gary of nowhere"
_SECRETS = (PASSWORD, USER, OTHER, NAME)


@dataclass(slots=True)
class Bench:
    """``pool`` has one connection, so what a failure left of it shows at once."""

    dsn: str
    admin: asyncpg.Connection
    pool: asyncpg.Pool

    @property
    def store(self) -> PostgresStore:
        """The engine's store."""
        return PostgresStore(self.pool)

    async def owned(self) -> Ownership:
        """Shard 0 taken over, as after every failure."""
        return (await self.store.take_over(0)).ownership

    async def write(self) -> None:
        """A unit of work: fence, two users, commit. What it writes is the same, however often it is done."""
        users = (activity(OTHER), activity(USER, NOON, NAME), activity(USER, NOON + HOUR))
        await take_in(self.store, await self.owned(), *users)

    async def written(self) -> bool:
        """Whether the unit of work is in the state, once: the users, and the counter that goes with them."""
        users = await self.admin.fetchval("SELECT count(*) FROM engagement.users")
        active = await self.admin.fetchval("SELECT active FROM engagement.shard WHERE shard = 0")
        assert users == active, "users and their counter differ"
        assert users in (0, 2), "half of a unit of work is in the state"
        return bool(users == 2)

    async def forget(self) -> None:
        """As if nothing had been written."""
        await self.admin.execute("DELETE FROM engagement.users; UPDATE engagement.shard SET active = 0")

    async def until_blocked(self) -> None:
        """Wait until a session of this database waits for another's lock."""

        async def one_waits() -> None:
            assert await self.admin.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )

        await eventually(one_waits)


@contextlib.asynccontextmanager
async def opened_bench(dsn: str) -> AsyncIterator[Bench]:
    """A bench on an empty database that is migrated here, as its owner."""
    url = urlsplit(dsn)
    with_password = url._replace(netloc=f"{url.username}:{PASSWORD}@{url.hostname}:{url.port}").geturl()
    await migrate(with_password)
    admin = await asyncpg.connect(dsn)
    pool = await connect(with_password, max_size=1)
    await PostgresStore(pool).grow(1)
    try:
        yield Bench(with_password, admin, pool)
    finally:
        await disconnect(pool)
        await admin.close()


@contextlib.asynccontextmanager
async def raising(bench: Bench, code: str, *, at_commit: bool = False) -> AsyncIterator[None]:
    """Whoever writes users gets an error of this SQLSTATE: with the statement, or with the commit of it."""
    timing = "CONSTRAINT TRIGGER provoked AFTER" if at_commit else "TRIGGER provoked BEFORE"
    how = "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW" if at_commit else "FOR EACH STATEMENT"
    async with triggered(bench, timing, how, f"RAISE EXCEPTION 'provoked' USING ERRCODE = '{code}'"):
        yield


@contextlib.asynccontextmanager
async def triggered(bench: Bench, timing: str, how: str, body: str) -> AsyncIterator[None]:
    """The PL/pgSQL statement ``body`` runs whenever users are written."""
    await bench.admin.execute(
        "CREATE FUNCTION engagement.provoked() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {body}; RETURN NULL; END $$;"
        f" CREATE {timing} INSERT OR UPDATE ON engagement.users {how} EXECUTE FUNCTION engagement.provoked()"
    )
    try:
        yield
    finally:
        await bench.admin.execute("DROP FUNCTION engagement.provoked() CASCADE")


@contextlib.asynccontextmanager
async def locking(bench: Bench, statement: str) -> AsyncIterator[asyncpg.Connection]:
    """A second session holds what the statement locks; whoever waits for it does so within the context."""
    other = await asyncpg.connect(bench.dsn, server_settings={"search_path": "engagement", "deadlock_timeout": "60s"})
    try:
        await other.execute("BEGIN")
        await other.execute(statement)
        yield other
    finally:
        # What it has not committed goes with it.
        await other.close()


async def failure(attempt: "asyncio.Task[None]") -> EngagementError:
    """The domain's error with which it ends; any other is the test's failure, as it would be the process' end."""
    try:
        await attempt
    except EngagementError as error:
        return error
    raise AssertionError("nothing was provoked")


def secrets_in(text: str) -> list[str]:
    """Which of the bench's secrets and inputs stand in the text."""
    return [secret for secret in _SECRETS if secret in text]
