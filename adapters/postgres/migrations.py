"""Brings the schema to head: numbered plain SQL files, each applied once, in order, in one transaction."""

import functools
import hashlib
from collections.abc import Sequence
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
"""

_SCHEMA = "the schema in the database of ENGAGEMENT_POSTGRES_DSN"
_RECORDED = "INSERT INTO schema_version (version, name, checksum) VALUES ({}, '{}', '{}');"


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
        steps.append(_RECORDED.format(migration.version, migration.name, migration.checksum))
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
    rows = await connection.fetch("SELECT version, checksum FROM schema_version")
    applied = {row["version"]: row["checksum"] for row in rows}
    check_applied(applied, migrations)
    missing = [migration for migration in migrations if migration.version not in applied]
    for migration in missing:
        await connection.execute(migration.text)
        await connection.execute(
            "INSERT INTO schema_version (version, name, checksum) VALUES ($1, $2, $3)",
            migration.version,
            migration.name,
            migration.checksum,
        )
    return [migration.name for migration in missing]


def check_applied(applied: dict[int, str], migrations: Sequence[Migration]) -> None:
    """Raises MisconfiguredError unless what is applied is a beginning of ``migrations``, unchanged."""
    newest = max(applied, default=0)
    if newest > len(migrations):
        raise MisconfiguredError(
            f"{_SCHEMA} is at version {newest}, this engine knows {len(migrations)}: it was migrated by a newer"
            " engine; run that one, or restore a backup made before"
        )
    for migration in migrations[:newest]:
        if applied.get(migration.version) != migration.checksum:
            raise MisconfiguredError(
                f"{_SCHEMA} does not come from this engine: migration {migration.name} was changed after it was"
                " applied; run the engine that applied it, or correct the address"
            )


async def check_schema(pool: asyncpg.Pool) -> None:
    """Raises MisconfiguredError unless the schema is at head."""
    with postgres_errors():
        rows = await pool.fetch("SELECT version, checksum FROM schema_version")
    migrations = load_migrations()
    check_applied({row["version"]: row["checksum"] for row in rows}, migrations)
    if len(rows) < len(migrations):
        raise MisconfiguredError(
            f"{_SCHEMA} is at version {len(rows)}, this engine needs {len(migrations)}: run `engage init`"
        )
