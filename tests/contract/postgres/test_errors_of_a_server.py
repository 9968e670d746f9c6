"""Errors that a whole server must be brought to, and those that meet whoever connects: sorted as those of statements.

The server is one of this module's own, since everybody on it is hurt.
"""

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from socket import create_server
from urllib.parse import urlsplit

import asyncpg
import pytest

from adapters.postgres.connection import connect, disconnect
from adapters.postgres.store import PostgresStore
from deploy.local.postgres import PostgresServer
from domain.errors import EngagementError, MisconfiguredError, RefusedWriteError, TransientError
from tests.conditions import until
from tests.contract.postgres.errors_scene import PASSWORD, Bench, failure, locking, opened_bench, secrets_in

LIMITED, LOCKED_OUT, BY_PASSWORD = "limited", "locked_out", "by_password"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """It asks one of its roles for a password."""
    folder: Path = tmp_path_factory.mktemp("errors-of-a-server")
    server = PostgresServer(folder / "postgres")
    server.start()
    access = folder / "postgres" / "data" / "pg_hba.conf"
    access.write_text(f"host all {BY_PASSWORD} 127.0.0.1/32 scram-sha-256\n{access.read_text()}")
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
async def roles(server: PostgresServer) -> None:
    """None of them may do anything but connect, if that."""
    admin = await asyncpg.connect(server.dsn)
    await admin.execute(
        f"CREATE ROLE {LIMITED} LOGIN CONNECTION LIMIT 1; CREATE ROLE {LOCKED_OUT} NOLOGIN;"
        f" CREATE ROLE {BY_PASSWORD} LOGIN PASSWORD 'another'; SELECT pg_reload_conf()"
    )
    await admin.close()


@asynccontextmanager
async def bench_on(server: PostgresServer) -> AsyncIterator[Bench]:
    """In a database of its own."""
    name = f"test_{uuid.uuid4().hex}"
    admin = await asyncpg.connect(server.dsn)
    await admin.execute(f"CREATE DATABASE {name}")
    await admin.close()
    async with opened_bench(urlsplit(server.dsn)._replace(path=f"/{name}").geturl()) as bench:
        yield bench


def address(server: PostgresServer, role: str = "postgres", database: str = "postgres", query: str = "") -> str:
    """With the password that must not be shown."""
    url = urlsplit(server.dsn)
    return url._replace(netloc=f"{role}:{PASSWORD}@{url.hostname}:{url.port}", path=database, query=query).geturl()


async def refusal(dsn: str) -> EngagementError:
    """What meets a store whose connections can't be had with this address; a second attempt meets the same."""
    pool = await connect(dsn)
    try:
        errors = [await failure(asyncio.ensure_future(ask(pool))) for _ in range(2)]
    finally:
        await disconnect(pool)
    assert type(errors[0]) is type(errors[1])
    assert secrets_in(str(errors[0])) == []
    return errors[0]


async def ask(pool: asyncpg.Pool) -> None:
    await PostgresStore(pool).tick_next()


@pytest.mark.parametrize(
    ("role", "database", "query", "words"),
    [
        (BY_PASSWORD, "postgres", "", "password authentication failed"),
        (LOCKED_OUT, "postgres", "", "not permitted to log in"),
        ("nobody", "postgres", "", "does not exist"),
        ("postgres", "nowhere", "", "does not exist"),
        ("postgres", "postgres", "no_such_setting=1", "no_such_setting"),
    ],
    ids=["28P01", "28000", "28000 no role", "3D000", "42704"],
)
async def test_whoever_is_turned_away_for_good_is_told_what_to_put_right(
    server: PostgresServer, roles: None, role: str, database: str, query: str, words: str
) -> None:
    error = await refusal(address(server, role, database, query))
    assert isinstance(error, MisconfiguredError), repr(error)
    assert words in str(error)
    assert "put it right in ENGAGEMENT_POSTGRES_DSN" in str(error)


async def test_a_role_that_may_not_see_the_schema_is_told_what_to_grant(server: PostgresServer, roles: None) -> None:
    async with bench_on(server) as bench:
        error = await refusal(address(server, LIMITED, urlsplit(bench.dsn).path[1:]))
    assert isinstance(error, MisconfiguredError), repr(error)


async def test_a_role_with_too_many_connections_waits_for_its_turn(server: PostgresServer, roles: None) -> None:
    dsn = address(server, LIMITED)
    other = await asyncpg.connect(dsn)
    error = await refusal(dsn)
    await other.close()
    assert isinstance(error, RefusedWriteError), repr(error)
    assert "TooManyConnectionsError: too many connections for role" in str(error)


async def test_nobody_there_is_waited_for() -> None:
    with closing(create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    error = await refusal(f"postgresql://postgres:{PASSWORD}@127.0.0.1:{port}/postgres")
    assert isinstance(error, TransientError), repr(error)
    assert "start Postgres" in str(error)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"], ids=["hangs up", "is no Postgres"])
async def test_somebody_else_at_the_address_is_waited_for(answer: bytes) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as somebody:
        port = somebody.sockets[0].getsockname()[1]
        error = await refusal(f"postgresql://postgres:{PASSWORD}@127.0.0.1:{port}/postgres?sslmode=disable")
    assert isinstance(error, TransientError), repr(error)
    assert "start Postgres, or correct ENGAGEMENT_POSTGRES_DSN" in str(error)


async def test_a_crash_and_the_recovery_after_it_are_sat_out(server: PostgresServer) -> None:
    """Another session's process is killed: the server ends all sessions (57P02), recovers (57P03), and serves again."""
    async with bench_on(server) as bench:
        await bench.write()
        await bench.forget()
        async with locking(bench, "SELECT FROM shard FOR UPDATE"):
            writing = asyncio.ensure_future(bench.write())
            await bench.until_blocked()
            os.kill(await bench.admin.fetchval("SELECT pg_backend_pid()"), signal.SIGKILL)
            error = await failure(writing)
        assert isinstance(error, TransientError), repr(error)
        assert "ConnectionDoesNotExistError" in str(error)
        later = await until_written(bench)
        assert all(isinstance(each, TransientError) for each in later), later


async def until_written(bench: Bench) -> list[EngagementError]:
    """Try until the server takes it; returns what was met before."""
    met: list[EngagementError] = []

    async def written() -> bool:
        try:
            await bench.write()
        except EngagementError as error:
            met.append(error)
            return False
        return True

    await until(written)
    return met


async def test_a_server_that_is_being_stopped_is_waited_for(server: PostgresServer) -> None:
    """While it waits for the last session to end, it takes no new ones: 57P03."""
    last = await asyncpg.connect(server.dsn)
    os.kill(server.pid, signal.SIGTERM)
    pool = await connect(server.dsn)
    met: list[str] = []

    async def says_so() -> bool:
        error = await failure(asyncio.ensure_future(ask(pool)))
        met.append(repr(error))
        return "the database system is shutting down" in str(error) and isinstance(error, TransientError)

    await until(says_so)
    await last.close()
    server.stop()
    server.start()
    await pool.execute("SELECT")
    await disconnect(pool)
