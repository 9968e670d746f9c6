"""What each role may do in Postgres: enough for its part, nothing else; what is missing is named in a line each."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from adapters.postgres.connection import connect, disconnect
from adapters.postgres.inspection import require_rights
from domain.errors import MisconfiguredError
from tests.security.broker import ADMIN, SECRET, password_of
from tests.security.playing import play, told
from tests.security.scene import Secured, SecuredDeployment

GRANTED = {
    "deployment": ("SELECT", "UPDATE"),
    "shard": ("SELECT", "INSERT", "UPDATE"),
    "users": ("SELECT", "INSERT", "UPDATE"),
    "move": ("SELECT", "INSERT", "DELETE"),
    "outbox": ("SELECT", "INSERT", "DELETE"),
    "tick": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "message": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "message_log": ("SELECT",),
    "schema_version": ("SELECT",),
}
READABLE = ("deployment", "message", "message_log", "shard", "tick", "users")
SINGLE = [(table, privilege) for table, privileges in GRANTED.items() for privilege in privileges]


@pytest.fixture(scope="module")
async def initialised(secured: Secured, tmp_path_factory: pytest.TempPathFactory) -> SecuredDeployment:
    """A deployment whose owner has initialised it, and granted what the script grants."""
    deployment = secured.deployment("roles", tmp_path_factory.mktemp("roles"))
    await deployment.create_database()
    ended = await play(deployment.of(ADMIN, "owner"), "init", deployment.folder / "init")
    assert ended.code == 0, ended.stderr
    await asyncio.to_thread(deployment.grant_tables)
    return deployment


@pytest.fixture
async def owner(initialised: SecuredDeployment) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(initialised.of(ADMIN, "owner").dsn)
    yield connection
    await connection.close()


async def _granted(owner: asyncpg.Connection, role: str) -> set[tuple[str, str]]:
    rows = await owner.fetch(
        "SELECT table_name, privilege_type FROM information_schema.role_table_grants WHERE grantee = $1", role
    )
    return {(row["table_name"], row["privilege_type"]) for row in rows}


async def test_each_role_has_exactly_what_the_scripts_say(
    initialised: SecuredDeployment, owner: asyncpg.Connection
) -> None:
    roles = initialised.roles
    assert await _granted(owner, roles["engine"]) == set(SINGLE)
    assert await _granted(owner, roles["reader"]) == {(table, "SELECT") for table in READABLE}
    for role in roles.values():
        row = await owner.fetchrow("SELECT rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = $1", role)
        assert row is not None
        assert not any(row.values())


async def test_what_a_later_migration_adds_can_be_used_at_once(
    initialised: SecuredDeployment, owner: asyncpg.Connection
) -> None:
    await owner.execute("CREATE TABLE engagement.later (number integer)")
    await owner.execute("CREATE SCHEMA IF NOT EXISTS engagement")
    granted = {role: await _granted(owner, initialised.roles[role]) for role in ("engine", "reader")}
    await owner.execute("DROP TABLE engagement.later")
    later = {role: {privilege for table, privilege in of if table == "later"} for role, of in granted.items()}
    assert later == {"engine": {"SELECT", "INSERT", "UPDATE", "DELETE"}, "reader": {"SELECT"}}


@pytest.mark.parametrize("table", [*GRANTED, "schema"])
async def test_each_right_that_the_engine_lacks_is_named_in_one_line(
    initialised: SecuredDeployment, owner: asyncpg.Connection, table: str
) -> None:
    pool = await connect(initialised.of(ADMIN, "engine").dsn, max_size=1)
    role = initialised.roles["engine"]
    privileges = GRANTED.get(table, ("USAGE",))
    what = "SCHEMA engagement" if table == "schema" else f"engagement.{table}"
    try:
        await require_rights(pool)
        for privilege in privileges:
            await owner.execute(f"REVOKE {privilege} ON {what} FROM {role}")
            with pytest.raises(MisconfiguredError) as denied:
                await require_rights(pool)
            await owner.execute(f"GRANT {privilege} ON {what} TO {role}")
            assert f"lacks {privilege} on {what}: as the owner, GRANT {privilege} ON {what} TO" in str(denied.value)
            assert len(str(denied.value).splitlines()) == 1
    finally:
        await disconnect(pool)


@pytest.mark.parametrize("command", ["run", "check"])
async def test_a_right_that_the_engine_lacks_ends_commands_with_3(
    initialised: SecuredDeployment, owner: asyncpg.Connection, command: str
) -> None:
    role = initialised.roles["engine"]
    await owner.execute(f"REVOKE DELETE ON outbox FROM {role}")
    ended = await play(initialised.of(ADMIN, "engine"), command, initialised.folder / command)
    await owner.execute(f"GRANT DELETE ON outbox TO {role}")
    assert ended.code == 3, ended
    problems = [line for line in ended.stdout.splitlines() if line.startswith("problem")]
    (line,) = problems if command == "check" else told(ended)
    assert "lacks DELETE on engagement.outbox" in line
    assert len(told(ended)) == 1


async def test_the_reader_can_read_and_change_nothing(initialised: SecuredDeployment) -> None:
    connection = await asyncpg.connect(initialised.of(ADMIN, "reader").dsn)
    try:
        for table in READABLE:
            await connection.fetch(f"TABLE {table}")
        for statement in (
            "DELETE FROM message",
            "UPDATE users SET name = ''",
            "UPDATE shard SET halted_reason = NULL",
            "INSERT INTO move VALUES (0, 'active', -1)",
            "SELECT * FROM outbox",
            "CREATE TABLE engagement.own (number integer)",
            "CREATE TABLE public.own (number integer)",
            "CREATE TEMPORARY TABLE own (number integer)",
            "CREATE SCHEMA own",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_the_engine_cannot_change_the_schema(initialised: SecuredDeployment) -> None:
    connection = await asyncpg.connect(initialised.of(ADMIN, "engine").dsn)
    try:
        for statement in (
            "DELETE FROM users",
            "DELETE FROM shard",
            "DELETE FROM deployment",
            "UPDATE schema_version SET checksum = ''",
            "DROP TABLE move",
            "ALTER TABLE users ADD COLUMN secret text",
            "TRUNCATE message",
            "CREATE TABLE engagement.own (number integer)",
            "CREATE TEMPORARY TABLE own (number integer)",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize("role", ["engine", "reader"])
async def test_only_the_owner_can_initialise(initialised: SecuredDeployment, role: str) -> None:
    ended = await play(initialised.of(ADMIN, role), "init", initialised.folder / f"init-{role}")
    assert ended.code == 3
    (line,) = told(ended)
    assert "permission denied for database" in line


async def test_everybody_else_is_kept_out_of_the_database(initialised: SecuredDeployment, secured: Secured) -> None:
    admin = await asyncpg.connect(secured.postgres.dsn())
    await admin.execute(f"CREATE ROLE stranger LOGIN PASSWORD '{password_of('stranger')}'")
    await admin.close()
    ended = await play(initialised.of(ADMIN, "stranger"), "stats", initialised.folder / "stranger")
    assert ended.code == 3
    (line,) = told(ended)
    assert "permission denied for database" in line
    assert SECRET not in line
