"""Each error that Postgres or its client raises, provoked by a real server.

What may pass is the domain's ``TransientError``, what a person must put right its ``MisconfiguredError`` with a remedy.
Nothing else may come out: it would end the process. No secret and no input is in a text, and the pool works afterwards.
"""

import asyncio
import contextlib
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

import asyncpg
import pytest

from adapters.postgres.reports import Reports
from domain.errors import EngagementError, MisconfiguredError, RefusedWriteError, TransientError
from tests.builders import PRODUCTION, activity, changes
from tests.conditions import eventually
from tests.contract.databases import VERSIONS, Servers, fresh_database
from tests.contract.postgres.errors_scene import (
    USER,
    Bench,
    failure,
    locking,
    opened_bench,
    raising,
    secrets_in,
    triggered,
)

Provocation = Callable[[Bench], AbstractAsyncContextManager[None]]
Kind = type[EngagementError]

# By SQLSTATE, raised by a trigger, since no test can make a healthy server raise them: a server that loses its own
# connections, its disk, its memory, its files or its mind.
MAY_PASS = {
    "08000": "PostgresConnectionError",
    "08001": "ClientCannotConnectError",
    "08003": "ConnectionDoesNotExistError",
    "08004": "ConnectionRejectionError",
    "08006": "ConnectionFailureError",
    "08P01": "ProtocolViolationError",
    "53000": "InsufficientResourcesError",
    "53100": "DiskFullError",
    "53200": "OutOfMemoryError",
    "53300": "TooManyConnectionsError",
    "53400": "ConfigurationLimitExceededError",
    "57P02": "CrashShutdownError",
    "57P03": "CannotConnectNowError",
    "58030": "PostgresIOError",
    "P0001": "RaiseError",
    "XX000": "InternalServerError",
    # None that the client knows: those of later versions and of extensions.
    "ZZ999": "UnknownPostgresError",
}
"""With the client's name for it, which is in the text. It knows no versions."""
MUST_BE_PUT_RIGHT = {
    "28000": "ENGAGEMENT_POSTGRES_DSN",
    "3D000": "ENGAGEMENT_POSTGRES_DSN",
    "3F000": "engage init",
    "42883": "engage check",
    "42601": "engage check",
    "42804": "engage check",
}
"""With what the remedy names."""


@pytest.fixture(scope="module", params=VERSIONS, ids=[f"postgres{version}" for version in VERSIONS])
async def bench(request: pytest.FixtureRequest, servers: Servers) -> AsyncIterator[Bench]:
    """One for all cases of a version."""
    async with fresh_database(servers[request.param]) as dsn, opened_bench(dsn) as bench:
        yield bench


@contextlib.asynccontextmanager
async def afterwards(action: Callable[[], Awaitable[object]], bench: Bench) -> AsyncIterator[None]:
    """Begin the action once a session is blocked, and wait for its end."""

    async def act() -> None:
        await bench.until_blocked()
        await action()

    acting = asyncio.create_task(act())
    try:
        yield
    finally:
        await acting


async def provoke(bench: Bench, provocation: AbstractAsyncContextManager[None], kind: Kind, words: str) -> None:
    """The unit of work fails, says so, and is done as a whole when it is tried again: once, and all of it."""
    await bench.forget()
    async with provocation:
        error = await failure(asyncio.ensure_future(bench.write()))
    assert not await bench.written()
    assert isinstance(error, kind), repr(error)
    assert words in str(error)
    assert "\n" not in str(error)
    assert secrets_in(str(error)) == []
    await bench.write()
    assert await bench.written()


@pytest.mark.parametrize("bench", [VERSIONS[1]], indirect=True, ids=[""])
@pytest.mark.parametrize("at_commit", [False, True], ids=["statement", "commit"])
@pytest.mark.parametrize("code", MAY_PASS)
async def test_what_may_pass_is_tried_again(bench: Bench, code: str, at_commit: bool) -> None:
    await provoke(bench, raising(bench, code, at_commit=at_commit), TransientError, MAY_PASS[code])


@pytest.mark.parametrize("bench", [VERSIONS[1]], indirect=True, ids=[""])
@pytest.mark.parametrize("code", MUST_BE_PUT_RIGHT)
async def test_what_a_person_must_put_right_names_the_remedy(bench: Bench, code: str) -> None:
    await provoke(bench, raising(bench, code), MisconfiguredError, MUST_BE_PUT_RIGHT[code])


@contextlib.asynccontextmanager
async def deadlocked(bench: Bench) -> AsyncIterator[None]:
    """Another session has a user and wants the shard, while the engine has the shard and wants the user."""
    # Whose time is over first looks, once, and gives in. By then the other one has to wait too.
    async with (
        short(bench, "deadlock_timeout", "2s"),
        locking(bench, f"INSERT INTO users SELECT '{USER}', 0, 'active', now(), now(), now()") as other,
        afterwards(lambda: other.fetch("SELECT FROM shard FOR UPDATE"), bench),
    ):
        yield


@contextlib.asynccontextmanager
async def overtaken(bench: Bench) -> AsyncIterator[None]:
    """The engine's snapshot is older than what another session commits to a row that the engine writes."""
    await bench.admin.execute(f"INSERT INTO engagement.users SELECT '{USER}', 1, 'active', now(), now(), now()")
    async with (
        short(bench, "default_transaction_isolation", "repeatable read"),
        locking(bench, "UPDATE users SET shard = 2") as other,
        afterwards(lambda: other.execute("COMMIT"), bench),
    ):
        yield
    await bench.forget()


@contextlib.asynccontextmanager
async def kept_waiting(bench: Bench, setting: str) -> AsyncIterator[None]:
    """Another session holds the shard for longer than the engine's setting lets it wait."""
    async with short(bench, setting, "100ms"), locking(bench, "SELECT FROM shard FOR UPDATE"):
        yield


@contextlib.asynccontextmanager
async def struck(bench: Bench, function: str) -> AsyncIterator[None]:
    """A function of the server strikes the engine's session while that waits."""
    pid = await bench.pool.fetchval("SELECT pg_backend_pid()")
    async with (
        locking(bench, "SELECT FROM shard FOR UPDATE"),
        afterwards(lambda: bench.admin.execute(f"SELECT {function}({pid})"), bench),
    ):
        yield


@contextlib.asynccontextmanager
async def short(bench: Bench, setting: str, value: str) -> AsyncIterator[None]:
    """A setting of the engine's connection is another one meanwhile."""
    before = await bench.pool.fetchval(f"SHOW {setting}")
    await bench.pool.execute(f"SET {setting} = '{value}'")
    yield
    await bench.pool.execute(f"SET {setting} = '{before}'")


@contextlib.asynccontextmanager
async def altered(bench: Bench, there: str, back: str) -> AsyncIterator[None]:
    """The schema is another one meanwhile."""
    await bench.admin.execute(there)
    try:
        yield
    finally:
        await bench.admin.execute(back)


REAL: dict[str, tuple[Provocation, Kind, str]] = {
    "40P01": (deadlocked, TransientError, "DeadlockDetectedError"),
    "40001": (overtaken, TransientError, "SerializationError"),
    "55P03": (partial(kept_waiting, setting="lock_timeout"), TransientError, "LockNotAvailableError"),
    "57014 by a timeout": (partial(kept_waiting, setting="statement_timeout"), TransientError, "QueryCanceledError"),
    "57014 by a person": (partial(struck, function="pg_cancel_backend"), TransientError, "QueryCanceledError"),
    "57P01": (partial(struck, function="pg_terminate_backend"), TransientError, "due to administrator command"),
    "25006": (
        partial(short, setting="default_transaction_read_only", value="on"),
        RefusedWriteError,
        "ReadOnlySQLTransactionError",
    ),
    "42P01": (
        partial(
            altered,
            there="ALTER TABLE engagement.outbox RENAME TO mailbox; ALTER TABLE engagement.users RENAME TO guests",
            back="ALTER TABLE engagement.mailbox RENAME TO outbox; ALTER TABLE engagement.guests RENAME TO users",
        ),
        MisconfiguredError,
        "engage init",
    ),
    "42703": (
        partial(
            altered,
            there="ALTER TABLE engagement.users RENAME last_active TO seen",
            back="ALTER TABLE engagement.users RENAME seen TO last_active",
        ),
        MisconfiguredError,
        "engage init",
    ),
    "53200": (
        # Each takes a place in the table of all sessions' locks; those who come next find none.
        lambda bench: triggered(
            bench,
            "TRIGGER provoked BEFORE",
            "FOR EACH STATEMENT",
            "PERFORM pg_advisory_xact_lock(n) FROM generate_series(1, 10000000) n",
        ),
        RefusedWriteError,
        "OutOfMemoryError",
    ),
}


@pytest.mark.parametrize("code", REAL)
async def test_what_a_server_does_by_itself(bench: Bench, code: str) -> None:
    provocation, kind, words = REAL[code]
    await bench.write()
    await bench.forget()
    await provoke(bench, provocation(bench), kind, words)


async def test_a_violated_constraint_is_a_defect_that_shows_no_row(bench: Bench) -> None:
    """It ends the process with a trace, and a row is somebody's."""
    await bench.forget()
    constraint = "ALTER TABLE engagement.users ADD CONSTRAINT ours CHECK (name NOT LIKE 'Ghost%')"
    async with altered(bench, constraint, "ALTER TABLE engagement.users DROP CONSTRAINT ours"):
        with pytest.raises(asyncpg.CheckViolationError, match="ours") as caught:
            await bench.write()
    assert secrets_in("".join(traceback.format_exception(caught.value))) == []
    await bench.write()
    assert await bench.written()


@pytest.mark.parametrize("poison", ["\0", "\ud800"], ids=["NUL", "surrogate"])
async def test_an_argument_that_cannot_be_sent_is_not_repeated(bench: Bench, poison: str) -> None:
    """No input holds such text, since the decoder refuses it."""
    with pytest.raises(TransientError) as caught:
        await Reports(bench.pool).user(USER + poison)
    assert "Postgres: " in str(caught.value)
    assert "start Postgres" not in str(caught.value)
    assert secrets_in(str(caught.value)) == []
    await bench.write()


async def test_a_transaction_that_idled_too_long_is_tried_again(bench: Bench) -> None:
    await bench.forget()
    async with short(bench, "idle_in_transaction_session_timeout", "50ms"):
        ownership = await bench.owned()

        async def idle() -> None:
            async with bench.store.transaction(ownership) as write:
                await eventually(lambda: all_gone(bench.pool))
                await write.apply_activity(changes(activity(USER)), PRODUCTION)
                await write.commit()

        error = await failure(asyncio.ensure_future(idle()))
    assert isinstance(error, TransientError), repr(error)
    assert not await bench.written()
    await bench.write()
    assert await bench.written()


async def test_a_connection_that_idled_too_long_between_transactions_is_replaced_without_a_word(bench: Bench) -> None:
    await bench.forget()
    await bench.pool.execute("SET idle_session_timeout = '50ms'")
    await eventually(lambda: all_gone(bench.pool))
    await bench.write()
    assert await bench.written()


async def all_gone(pool: asyncpg.Pool) -> None:
    assert pool.get_size() == 0


async def test_a_plan_that_a_migration_outdated_is_made_anew(bench: Bench) -> None:
    """The schema gets a column while the engine runs, as it does in a rolling upgrade."""
    await bench.write()
    await bench.forget()
    there, back = (f"ALTER TABLE engagement.shard {change} COLUMN later" for change in ("ADD", "DROP"))
    async with altered(bench, f"{there} integer", back):
        await again(bench.write)
    assert await bench.written()


async def again(write: Callable[[], Awaitable[None]]) -> None:
    """At most one failure that may pass."""
    with contextlib.suppress(TransientError):
        return await write()
    return await write()
