"""Every error of the Postgres client becomes one that tells what to do: go on, or stop with a remedy."""

import asyncpg
import pytest

from adapters.postgres.connection import postgres_errors
from domain.errors import MisconfiguredError, TransientError


@pytest.mark.parametrize(
    "raised",
    [
        asyncpg.DeadlockDetectedError("deadlock detected"),
        asyncpg.SerializationError("could not serialize"),
        asyncpg.LockNotAvailableError("canceling statement due to lock timeout"),
        asyncpg.QueryCanceledError("canceling statement due to statement timeout"),
        asyncpg.AdminShutdownError("terminating connection"),
        asyncpg.CannotConnectNowError("the database system is starting up"),
        asyncpg.TooManyConnectionsError("sorry, too many clients already"),
        asyncpg.ReadOnlySQLTransactionError("cannot execute UPDATE in a read-only transaction"),
        asyncpg.DiskFullError("could not extend file"),
        # Without a code: the server went away in the middle of a transaction.
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError("got result for unknown protocol state"),
        ConnectionRefusedError(),
        TimeoutError(),
    ],
    ids=lambda raised: type(raised).__name__,
)
def test_what_may_pass_is_to_be_tried_again(raised: Exception) -> None:
    with pytest.raises(TransientError, match=f"Postgres: {type(raised).__name__}"), postgres_errors():
        raise raised


@pytest.mark.parametrize(
    ("raised", "remedy"),
    [
        (asyncpg.UndefinedTableError("no relation"), "`engage init`"),
        (asyncpg.UndefinedColumnError("no column"), "`engage init`"),
        (asyncpg.InsufficientPrivilegeError("permission denied"), "grant it to the role"),
        (asyncpg.InvalidPasswordError("password authentication failed"), "ENGAGEMENT_POSTGRES_DSN"),
        (asyncpg.InvalidCatalogNameError("no database"), "ENGAGEMENT_POSTGRES_DSN"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_a_person_must_put_right_names_the_remedy(raised: Exception, remedy: str) -> None:
    with pytest.raises(MisconfiguredError, match=remedy), postgres_errors():
        raise raised


def test_a_violated_constraint_is_a_defect_and_stays_what_it_is() -> None:
    with pytest.raises(asyncpg.CheckViolationError), postgres_errors():
        raise asyncpg.CheckViolationError("new row violates check constraint")
