"""Connections to Postgres: a small pool whose every call has a time limit, and the one place that sorts its errors."""

import asyncio
import contextlib
import ssl
from collections.abc import Iterator

import asyncpg

from adapters.postgres.servers import Servers
from domain.errors import MisconfiguredError, RefusedWriteError, TransientError

# What one call may take. A chunk of 2,000 users needs well under a second; beyond this the server is taken for gone,
# and the shard is taken over anew from what is stored.
CALL_SECONDS = 20.0
CONNECT_SECONDS = 10.0
# What the server may take to say good-bye; a frozen one never does.
DISCONNECT_SECONDS = 2.0

SESSION = {
    "application_name": "engagement-engine",
    "search_path": "engagement",
    "timezone": "UTC",
    # A frozen owner's locks must fall, so that its successor can take the shard.
    "idle_in_transaction_session_timeout": "5s",
    # Above the previous one: whoever waits for a frozen owner outlasts it.
    "lock_timeout": "10s",
    "statement_timeout": "20s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    # Every statement reaches users by id or by (shard, wake time), a bounded number at a time. These switches keep
    # the planner from reading the whole table or index where its statistics are old or the table is small.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}

# The surroundings don't fit, and a repetition can't help: no such schema, table or column; a missing right; refused
# credentials, or no such database. Each with its remedy.
_MISFITS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    (
        (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.InvalidSchemaNameError),
        "`engage init` brings the schema in the database of ENGAGEMENT_POSTGRES_DSN to head",
    ),
    ((asyncpg.InsufficientPrivilegeError,), "grant it to the role of ENGAGEMENT_POSTGRES_DSN; `engage check` names it"),
    (
        (
            asyncpg.InvalidCatalogNameError,
            asyncpg.InvalidAuthorizationSpecificationError,
            # A parameter of the address that the server does not know, or the client can't use.
            asyncpg.UndefinedObjectError,
            asyncpg.ClientConfigurationError,
        ),
        "put it right in ENGAGEMENT_POSTGRES_DSN",
    ),
    (
        (ssl.SSLCertVerificationError,),
        "it must be in force, name the host in ENGAGEMENT_POSTGRES_DSN, and be vouched for by its sslrootcert",
    ),
    # What is left of statements that can't be run: a server that is too old, a schema that somebody changed.
    ((asyncpg.SyntaxOrAccessError,), "`engage check` says whether server and schema fit"),
)
# Of the same class, and yet it passes: a pooler gave us somebody else's session.
_NO_MISFITS = (asyncpg.DuplicatePreparedStatementError,)
# It answers, and can't write: read-only, or something of its own has run out or is broken.
_REFUSALS = (asyncpg.ReadOnlySQLTransactionError, asyncpg.InsufficientResourcesError, asyncpg.PostgresSystemError)
# All that tells a server without TLS from one that is away, which asyncpg raises alike.
_WITHOUT_TLS = "rejected SSL upgrade"
_REMEDY_WITHOUT_TLS = (
    "it takes no encrypted connections, or is no Postgres: switch its ssl on, or correct ENGAGEMENT_POSTGRES_DSN"
)
# Nobody is there, or somebody who isn't Postgres.
_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
_REMEDY_AWAY = "start Postgres, or correct ENGAGEMENT_POSTGRES_DSN"


async def connect(dsn: str, *, max_size: int = 8) -> asyncpg.Pool:
    """A pool of up to ``max_size`` connections, opened when needed. Raises MisconfiguredError, TransientError."""
    with postgres_errors():
        return await asyncpg.create_pool(
            dsn,
            connect=Servers(dsn).connect,
            min_size=0,
            max_size=max_size,
            timeout=CONNECT_SECONDS,
            command_timeout=CALL_SECONDS,
            server_settings=SESSION,
            reset=_leave_as_is,
        )


async def disconnect(pool: asyncpg.Pool) -> None:
    """Close the pool's connections, in bounded time. Nothing may be under way on them."""
    try:
        async with asyncio.timeout(DISCONNECT_SECONDS):
            await pool.close()
    except TimeoutError:
        pool.terminate()


@contextlib.contextmanager
def postgres_errors() -> Iterator[None]:
    """Sort what asyncpg raises: the surroundings don't fit, or try again.

    A violated constraint is neither: it is a broken invariant of ours and passes through.
    """
    try:
        yield
    except asyncpg.IntegrityConstraintViolationError as error:
        # The row, with whom it is about. All of this is printed where the process ends.
        error.detail = None
        raise
    # asyncpg reports a server that goes away in the middle of a transaction as an InterfaceError without a code.
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError) as error:
        text, remedy = _text(error), _remedy(error)
        if remedy is not None:
            raise MisconfiguredError(f"Postgres: {text}: {remedy}") from error
        parts = ["Postgres", type(error).__name__, text, _REMEDY_AWAY if isinstance(error, _AWAY) else ""]
        kind = RefusedWriteError if isinstance(error, _REFUSALS) else TransientError
        raise kind(": ".join(part for part in parts if part)) from error


def _text(error: Exception) -> str:
    """In one line, and without what was asked for: details repeat rows, and complaints about data repeat the data."""
    if isinstance(error, asyncpg.DataError):
        return ""
    if isinstance(error, asyncpg.PostgresError):
        words = [*map(str, error.args[:1]), *(["HINT:", error.hint] if error.hint else [])]
    else:
        words = [str(error) or ("no answer in time" if isinstance(error, TimeoutError) else "")]
    return " ".join(" ".join(words).split())


def _remedy(error: Exception) -> str | None:
    """What a person must do; None where it may pass by itself."""
    if isinstance(error, _NO_MISFITS):
        return None
    if _WITHOUT_TLS in str(error):
        return _REMEDY_WITHOUT_TLS
    return next((remedy for kinds, remedy in _MISFITS if isinstance(error, kinds)), None)


async def _leave_as_is(_connection: object) -> None:
    """Nothing to reset between uses: transactions are ended by those who began them, and nothing else is changed."""
