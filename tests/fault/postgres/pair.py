"""A primary and a standby that has to confirm every commit: what was committed once survives the loss of either."""

import shutil
import subprocess
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from deploy.local.child import as_account, service_account
from deploy.local.postgres import PostgresServer, find_binaries
from tests.conditions import eventually
from tests.harness.restartable import Restartable
from tests.sql import execute

_VERSION = 16
_COPY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Pair:
    """Both run. ``dsn`` names both, the primary first, and whoever connects with it wants the one that takes writes."""

    primary: Restartable
    standby: Restartable
    dsn: str
    _standby_dsn: str

    async def promote(self) -> None:
        """Make the standby a primary, as a fail-over does, and wait until it is one."""
        connection = await asyncpg.connect(self._standby_dsn)
        try:
            assert await connection.fetchval("SELECT pg_promote(true, 60)")
        finally:
            await connection.close()


@asynccontextmanager
async def primary_with_standby(folder: Path) -> AsyncIterator[Pair]:
    """Both with their data in ``folder``, stopped in the end whatever happened to them."""
    servers = [PostgresServer(folder / name, _VERSION) for name in ("primary", "standby")]
    first, second = [server.dsn for server in servers]
    # Services end with the thread that started them.
    with ThreadPoolExecutor(max_workers=1) as thread:
        primary, standby = [Restartable(server, thread) for server in servers]
        try:
            await primary.start()
            await standby._call(lambda: _copy(first, folder / "standby"))
            await standby.start()
            await _wait_for_confirmations(first)
            yield Pair(primary, standby, _both(first, second), second)
        finally:
            for server in (standby, primary):
                await server.kill()
            for name in ("primary", "standby"):
                shutil.rmtree(folder / name / "data", ignore_errors=True)


def _copy(primary: str, folder: Path) -> None:
    """The primary's data, with what makes a server follow it."""
    account = service_account()
    folder.mkdir()
    if account is not None:
        shutil.chown(folder, account.pw_uid, account.pw_gid)
    tool = str(find_binaries(_VERSION) / "pg_basebackup")
    command = [
        tool,
        "-d",
        primary,
        "-D",
        str(folder / "data"),
        "--write-recovery-conf",
        "--checkpoint=fast",
        "--no-sync",
    ]
    subprocess.run([*as_account(account), *command], cwd=folder, check=True, capture_output=True, timeout=_COPY_SECONDS)


async def _wait_for_confirmations(primary: str) -> None:
    """From here on a commit of the primary is answered once the standby has it on its disk."""
    await execute(primary, "ALTER SYSTEM SET synchronous_standby_names = '*'")
    await execute(primary, "SELECT pg_reload_conf()")

    async def confirmed() -> None:
        connection = await asyncpg.connect(primary)
        try:
            assert await connection.fetchval("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == 1
        finally:
            await connection.close()

    await eventually(confirmed)


def _both(first: str, second: str) -> str:
    url = urlsplit(first)
    servers = f"{url.netloc},{urlsplit(second).netloc.rpartition('@')[2]}"
    return url._replace(netloc=servers, query="target_session_attrs=read-write").geturl()
