"""Brings the schema to head: numbered plain SQL files, each applied once, in order, in one transaction.

A file whose first line is ``-- works with engines from 7 on`` leaves the schema such that an engine that knows only the
first seven works on with it. That is what a rolling upgrade needs: expand the schema, replace the engines one by one,
and contract it in a later version. A file without that line works with engines that know it.
"""

import functools
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import asyncpg

from adapters.postgres.connection import CONNECT_SECONDS, postgres_errors
from adapters.postgres.servers import Servers
from domain.errors import MisconfiguredError

# Any number, the same in every version: only one runner at a time.
_LOCK = 0x656E676167656D65
_VERSION_TABLE = """
CREATE SCHEMA IF NOT EXISTS engagement;
SET LOCAL search_path TO engagement;
CREATE TABLE IF NOT EXISTS schema_version (
    version integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE schema_version ADD COLUMN IF NOT EXISTS works_from integer;
"""
# A schema that no engine since has touched lacks the last column.
_APPLIED = (
    "SELECT version, checksum, (to_jsonb(schema_version) ->> 'works_from')::integer AS works_from FROM schema_version"
)
_WORKS_FROM = re.compile(r"-- works with engines from ([0-9]+) on\n")

_SCHEMA = "the schema in the database of ENGAGEMENT_POSTGRES_DSN"
_RECORDED = "INSERT INTO schema_version (version, name, checksum, works_from) VALUES ({}, '{}', '{}', {});"


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, its name and its text."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text: an applied migration may never change."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def works_from(self) -> int:
        """How many migrations an engine must know to work with the schema from this one on."""
        said = _WORKS_FROM.match(self.text)
        return self.version if said is None else int(said[1])


@dataclass(frozen=True, slots=True)
class AppliedMigration:
    """What the schema says of a migration; the engine may not know it."""

    checksum: str
    works_from: int


@functools.cache
def load_migrations() -> tuple[Migration, ...]:
    """All migrations of this version, in order."""
    paths = [path for path in files("adapters.postgres").joinpath("migrations").iterdir() if path.name.endswith(".sql")]
    found = tuple(
        Migration(int(path.name[:4]), path.name.removesuffix(".sql"), path.read_text(encoding="utf-8"))
        for path in sorted(paths, key=lambda path: path.name)
    )
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError("migrations are numbered 1, 2, 3 … without gaps")
    return found


def migration_script() -> str:
    """Everything ``migrate`` would run on an empty database, for those who apply it by other means."""
    steps = [f"BEGIN;{_VERSION_TABLE}"]
    for migration in load_migrations():
        steps.append(f"-- {migration.name}\n{migration.text}")
        steps.append(_RECORDED.format(migration.version, migration.name, migration.checksum, migration.works_from))
    return "\n".join([*steps, "COMMIT;"])


async def migrate(dsn: str) -> list[str]:
    """Bring the schema to head; returns the names of what was applied, nothing when it was there already.

    Raises MisconfiguredError when the schema is newer than this version, or an applied migration was changed.
    """
    with postgres_errors():
        connection = await Servers(dsn).connect(dsn, timeout=CONNECT_SECONDS)
        try:
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
                await connection.execute(_VERSION_TABLE)
                return await _apply_missing(connection, load_migrations())
        finally:
            await connection.close(timeout=CONNECT_SECONDS)


async def _apply_missing(connection: asyncpg.Connection, migrations: Sequence[Migration]) -> list[str]:
    applied = _applied(await connection.fetch(_APPLIED))
    check_applied(applied, migrations)
    missing = [migration for migration in migrations if migration.version not in applied]
    for migration in missing:
        await connection.execute(migration.text)
        await connection.execute(
            "INSERT INTO schema_version (version, name, checksum, works_from) VALUES ($1, $2, $3, $4)",
            migration.version,
            migration.name,
            migration.checksum,
            migration.works_from,
        )
    return [migration.name for migration in missing]


def _applied(rows: Sequence[asyncpg.Record]) -> dict[int, AppliedMigration]:
    return {row["version"]: AppliedMigration(row["checksum"], row["works_from"] or row["version"]) for row in rows}


def check_applied(applied: Mapping[int, AppliedMigration], migrations: Sequence[Migration]) -> None:
    """Raises MisconfiguredError unless an engine with these ``migrations`` works with what is applied.

    That is so when what both know is unchanged, and what only the schema knows says so.
    """
    newest, needed = max(applied, default=0), max((each.works_from for each in applied.values()), default=0)
    if needed > len(migrations):
        raise MisconfiguredError(
            f"{_SCHEMA} is at version {newest} and needs an engine that knows {needed} or more, this one knows"
            f" {len(migrations)}: it was migrated by a newer engine; run that one, or restore a backup made before"
        )
    for migration in migrations[:newest]:
        there = applied.get(migration.version)
        if there is None or there.checksum != migration.checksum:
            raise MisconfiguredError(
                f"{_SCHEMA} does not come from this engine: migration {migration.name} was changed after it was"
                " applied; run the engine that applied it, or correct the address"
            )


async def check_schema(pool: asyncpg.Pool) -> None:
    """Raises MisconfiguredError unless this engine works with the schema, which lacks nothing that the engine knows."""
    with postgres_errors():
        applied = _applied(await pool.fetch(_APPLIED))
    migrations = load_migrations()
    check_applied(applied, migrations)
    if len(applied) < len(migrations):
        raise MisconfiguredError(
            f"{_SCHEMA} is at version {len(applied)}, this engine needs {len(migrations)}: run `engage init`"
        )
