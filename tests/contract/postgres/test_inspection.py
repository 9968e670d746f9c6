"""What operators ask Postgres about itself."""

import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest

from adapters.postgres.inspection import MissingRight, opened_inspection
from adapters.postgres.store import PostgresStore
from domain.errors import TransientError
from tests.builders import DAY, NOON, PRODUCTION, activity, changes, message


@pytest.fixture
async def role(pool: asyncpg.Pool) -> AsyncIterator[str]:
    """A role that may connect and has no right on the schema."""
    name = f"role_{uuid.uuid4().hex}"
    await pool.execute(f"CREATE ROLE {name} LOGIN")
    yield name
    await pool.execute(f"DROP OWNED BY {name}")
    await pool.execute(f"DROP ROLE {name}")


def as_role(dsn: str, role: str) -> str:
    """The DSN with another user, without a password: the local servers trust their own machine."""
    scheme, _, rest = dsn.partition("://")
    return f"{scheme}://{role}@{rest.rpartition('@')[2]}"


async def test_the_server_is_described(dsn: str, pool: asyncpg.Pool) -> None:
    async with opened_inspection(dsn) as inspection:
        server = await inspection.server()
    assert server.version_number == int(await pool.fetchval("SHOW server_version_num"))
    assert server.version.startswith(str(server.version_number // 10_000))
    assert server.database == dsn.rpartition("/")[2]
    assert not server.too_old
    assert not server.standby


async def test_the_owner_lacks_nothing(dsn: str, pool: asyncpg.Pool) -> None:
    async with opened_inspection(dsn) as inspection:
        assert await inspection.missing_rights() == []


async def test_an_empty_database_lacks_no_rights(dsn: str) -> None:
    async with opened_inspection(dsn) as inspection:
        assert await inspection.missing_rights() == []


async def test_what_is_named_is_what_the_engines_statements_need(dsn: str, pool: asyncpg.Pool, role: str) -> None:
    """Granting the missing rights, and no others, is enough for all that a worker and the reports do."""
    async with opened_inspection(as_role(dsn, role)) as inspection:
        missing = await inspection.missing_rights()
        assert MissingRight("SCHEMA engagement", "USAGE") in missing
        for right in missing:
            await pool.execute(f"GRANT {right.privilege} ON {right.object} TO {role}")
        assert await inspection.missing_rights() == []
        await inspection.check_schema()
        await inspection.reports.shards()
        await inspection.reports.last_cycle()
    await pool.execute(f'GRANT CONNECT ON DATABASE "{dsn.rpartition("/")[2]}" TO {role}')
    limited = await asyncpg.create_pool(
        as_role(dsn, role), min_size=0, max_size=2, server_settings={"search_path": "engagement"}
    )
    try:
        await work(PostgresStore(limited))
    finally:
        await limited.close()


async def test_a_single_missing_right_is_named(dsn: str, pool: asyncpg.Pool, role: str) -> None:
    await pool.execute(f"GRANT USAGE ON SCHEMA engagement TO {role}")
    await pool.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA engagement TO {role}")
    await pool.execute(f"REVOKE DELETE ON outbox FROM {role}")
    async with opened_inspection(as_role(dsn, role)) as inspection:
        assert await inspection.missing_rights() == [MissingRight("engagement.outbox", "DELETE")]


async def test_nobody_there_is_an_error_that_may_pass() -> None:
    async with opened_inspection("postgresql://engine:s3cret@127.0.0.1:1/db") as inspection:
        with pytest.raises(TransientError) as error:
            await inspection.server()
    assert "s3cret" not in str(error.value)


async def work(store: PostgresStore) -> None:
    """Every kind of transaction of a worker, on tables that hold nothing yet."""
    await store.grow(2)
    ownership = (await store.take_over(0)).ownership
    async with store.transaction(ownership) as write:
        await write.apply_activity(changes(activity("a")), PRODUCTION)
        await write.lock_tick_log()
        await write.write_verdicts([], 1, None)
        await write.fold_moves()
        await write.make_all_due(10)
        await write.write_skipped((await write.due_users(NOON + 4 * DAY, PRODUCTION, 10)).users)
        await write.write_messaged([message("a", NOON)], NOON)
        await write.log_messages([message("a", NOON)])
        await write.add_entry([])
        await write.confirm(1)
        await write.commit()
    other = (await store.take_over(1)).ownership
    async with store.transaction(other) as write:
        await write.apply_activity(changes(activity("a")), PRODUCTION)
        await write.commit()
    assert await store.outbox(ownership) == []
    assert await store.usable_ticks(0, 1) == []
    await store.tick_next()
    await store.halt(ownership, "for the sake of it")
