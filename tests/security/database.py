"""A Postgres that takes encrypted connections only, and asks everybody for a password."""

import os
import shutil
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import asyncpg

from deploy.local.child import service_account
from deploy.local.postgres import PostgresServer
from tests.conditions import until
from tests.security.certificates import ADDRESS, Certificates, Pair

# That of Debian, built with TLS; the wheels of the other versions are not.
_VERSION = 15
_ADMIN = "postgres"
_PASSWORD = "s3cret-of-postgres"


@dataclass(frozen=True, slots=True)
class SecuredPostgres:
    """Where it is, and its files."""

    port: int
    ca: Path
    data: Path

    def dsn(
        self,
        user: str = _ADMIN,
        password: str = _PASSWORD,
        *,
        database: str = "postgres",
        host: str = ADDRESS,
        ca: Path | None = None,
        sslmode: str = "verify-full",
    ) -> str:
        """The address for a user, by default for the superuser, as the engine's settings take it."""
        login = f"{user}:{quote(password, safe='')}"
        return f"postgresql://{login}@{host}:{self.port}/{database}?sslmode={sslmode}&sslrootcert={ca or self.ca}"

    @asynccontextmanager
    async def showing(self, pair: Pair) -> AsyncIterator[None]:
        """Within the context new connections see this certificate, which nobody accepts."""
        connection = await asyncpg.connect(self.dsn())
        own = [(path, path.read_bytes()) for path in (self.data / "server.crt", self.data / "server.key")]
        try:
            _install(pair, self.data)
            await connection.execute("SELECT pg_reload_conf()")
            await until(lambda: self._accepted(expected=False))
            yield
        finally:
            for path, content in own:
                path.write_bytes(content)
            await connection.execute("SELECT pg_reload_conf()")
            await connection.close()
            await until(lambda: self._accepted(expected=True))

    async def _accepted(self, *, expected: bool) -> bool:
        try:
            await (await asyncpg.connect(self.dsn())).close()
        except ssl.SSLCertVerificationError:
            return not expected
        return expected


async def open_to_passwords_only(server: PostgresServer, folder: Path, certificates: Certificates) -> SecuredPostgres:
    """Turn encryption on and everything else off, on a server that runs with its files in ``folder``."""
    data = folder / "data"
    _install(certificates.server, data)
    connection = await asyncpg.connect(server.dsn)
    try:
        await connection.execute(f"ALTER ROLE {_ADMIN} PASSWORD '{_PASSWORD}'")
        await connection.execute("ALTER SYSTEM SET ssl = on")
        (data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()
    return SecuredPostgres(urlsplit(server.dsn).port or 0, certificates.ca, data)


def _install(pair: Pair, data: Path) -> None:
    """Put the files where Postgres looks for them, for nobody else to read."""
    account = service_account()
    for source, name in ((pair.certificate, "server.crt"), (pair.key, "server.key")):
        path = data / name
        shutil.copyfile(source, path)
        path.chmod(0o600)
        if account is not None:
            os.chown(path, account.pw_uid, account.pw_gid)


@contextmanager
def running_server(folder: Path) -> Iterator[PostgresServer]:
    """A server with its files in ``folder``, as open as that of the local platform."""
    server = PostgresServer(folder, _VERSION)
    try:
        server.start()
        yield server
    finally:
        server.stop()
