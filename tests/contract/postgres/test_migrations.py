"""The schema comes to head once, and nothing unknown is touched."""

from dataclasses import replace

import asyncpg
import pytest

from adapters.postgres.connection import connect
from adapters.postgres.migrations import (
    AppliedMigration,
    Migration,
    check_applied,
    check_schema,
    load_migrations,
    migrate,
    migration_script,
)
from domain.errors import MisconfiguredError

LATER = "INSERT INTO schema_version (version, name, checksum, works_from) VALUES ($1, 'later', 'x', $2)"


async def test_migrating_twice_applies_each_file_once(dsn: str) -> None:
    assert await migrate(dsn) == [migration.name for migration in load_migrations()]
    assert await migrate(dsn) == []


async def test_the_printed_script_brings_an_empty_database_to_head(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(migration_script())
    await connection.close()
    assert await migrate(dsn) == []


@pytest.mark.parametrize("works_from", [None, len(load_migrations()) + 1])
async def test_a_schema_newer_than_the_engine_is_refused(dsn: str, pool: asyncpg.Pool, works_from: int | None) -> None:
    newer = len(load_migrations()) + 1
    await pool.execute(LATER, newer, works_from)
    with pytest.raises(MisconfiguredError, match=f"is at version {newer}"):
        await migrate(dsn)
    with pytest.raises(MisconfiguredError, match="newer engine"):
        await check_schema(pool)


async def test_a_newer_schema_that_says_so_works_with_the_engine(dsn: str, pool: asyncpg.Pool) -> None:
    """Old workers go on, and may be started again, while the upgrade rolls over them."""
    known = len(load_migrations())
    await pool.execute(LATER, known + 1, known)
    await check_schema(pool)
    assert await migrate(dsn) == []


async def test_what_was_applied_before_migrations_said_with_whom_they_work_is_known(
    dsn: str, pool: asyncpg.Pool
) -> None:
    await pool.execute("ALTER TABLE schema_version DROP COLUMN works_from")
    await check_schema(pool)
    assert await migrate(dsn) == []
    await check_schema(pool)


@pytest.mark.parametrize(
    ("text", "works_from"),
    [
        ("-- works with engines from 4 on\nSELECT 1;", 4),
        ("SELECT 1;\n-- works with engines from 4 on\n", 9),
        ("-- It works with engines from 4 on\n", 9),
    ],
)
def test_a_migration_says_in_its_first_line_with_whom_it_works(text: str, works_from: int) -> None:
    assert Migration(9, "0009_later", text).works_from == works_from


async def test_a_migration_that_was_changed_after_it_was_applied_is_refused(dsn: str, pool: asyncpg.Pool) -> None:
    await pool.execute("UPDATE schema_version SET checksum = 'other' WHERE version = 1")
    with pytest.raises(MisconfiguredError, match="0001_state was changed"):
        await migrate(dsn)


async def test_a_database_without_the_schema_is_refused_with_the_remedy(dsn: str) -> None:
    pool = await connect(dsn)
    with pytest.raises(MisconfiguredError, match="engage init"):
        await check_schema(pool)
    await pool.close()


def test_a_schema_behind_the_engine_passes_the_check_of_what_is_applied() -> None:
    first, *_ = load_migrations()
    later = replace(first, version=2, name="0002_later")
    check_applied({1: AppliedMigration(first.checksum, 1)}, [first, later])
