"""The disk of Postgres fills up: what needs another page fails, what fits into those that are there still works."""

import pwd
import random
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import asyncpg

from deploy.local.child import service_account
from deploy.local.postgres import PostgresServer
from tests.fault.postgres.refusing import served_scene, sit_out
from tests.harness.restartable import Restartable
from tests.harness.temporary import Services
from tests.sql import execute

# A fresh database has 8 MiB, and three of them are made from one another on their way there.
_DISK_MEGABYTES = 64
# Ballast comes in pieces of a megabyte and then of a page, so that no page is left.
_PIECE_ROWS = (128, 1)
_PAGE_BYTES = 7_000
# The disk is seen by the server only, and goes with it.
_MOUNT = 'mount -t tmpfs -o "size=$0" tmpfs "$1" && chown "$2" "$1" && shift 2 && exec "$@"'


async def run(services: Services, _rng: random.Random) -> list[str]:
    """Every difference from what was promised."""
    async with postgres_on_small_disk(services.folder) as (dsn, disk):
        own = replace(services, postgres_admin_dsn=dsn)
        async with served_scene(own, "disk-full") as each:
            database = each.deployment.dsn.rpartition("/")[2]
            await execute(dsn, f"CREATE TABLESPACE small LOCATION '{disk}'")
            await execute(dsn, f'ALTER DATABASE "{database}" SET TABLESPACE small')
            return await sit_out(each, full(each.deployment.dsn), "DiskFullError")


@asynccontextmanager
async def postgres_on_small_disk(folder: Path) -> AsyncIterator[tuple[str, Path]]:
    """A server with a small disk beside its usual one; gives the folder of the small one too. Only root may mount."""
    disk = folder / "disk"
    disk.mkdir()
    account = service_account() or pwd.getpwuid(0)
    namespace = ("unshare", "--mount", "--propagation=private")
    mounting = ("sh", "-c", _MOUNT, f"{_DISK_MEGABYTES}m", str(disk), account.pw_name)
    server = PostgresServer(folder / "postgres", wrapper=(*namespace, *mounting))
    with ThreadPoolExecutor(max_workers=1) as thread:
        postgres = Restartable(server, thread)
        await postgres.start()
        try:
            yield server.dsn, disk
        finally:
            await postgres.kill()


@asynccontextmanager
async def full(dsn: str) -> AsyncIterator[None]:
    """No page is left on the disk of the database within the context."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("CREATE TABLE public.ballast (filling text STORAGE PLAIN)")
        for rows in _PIECE_ROWS:
            with suppress(asyncpg.DiskFullError):
                while True:
                    await connection.execute(
                        "INSERT INTO public.ballast SELECT repeat('x', $1) FROM generate_series(1, $2)",
                        _PAGE_BYTES,
                        rows,
                    )
        try:
            yield
        finally:
            await connection.execute("DROP TABLE public.ballast")
    finally:
        await connection.close()
