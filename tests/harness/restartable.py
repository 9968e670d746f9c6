"""A Kafka and a Postgres of one test's own, on ports that stay, for taking away and giving back.

The shared services must not go away, since others use them at the same time.
"""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Literal, Protocol

import asyncpg

from deploy.local.kafka import KafkaBroker
from deploy.local.postgres import PostgresServer

Outage = Literal["stopped", "killed", "frozen"]
"""In order, clients told; at once, like a power cut; or not at all: it keeps its connections and answers nobody."""


class Server(Protocol):
    """A service of deploy.local; its calls block."""

    @property
    def pid(self) -> int: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...


class Restartable:
    """A service that can be taken away for a while; nothing runs before the first ``start``."""

    def __init__(self, server: Server, thread: ThreadPoolExecutor) -> None:
        self._server = server
        self._thread = thread
        self._frozen: list[int] = []
        self._ended = True

    @asynccontextmanager
    async def away(self, outage: Outage) -> AsyncIterator[None]:
        """Within the context the service is away; afterwards it serves again."""
        await self.take_away(outage)
        try:
            yield
        finally:
            await self.start()

    async def take_away(self, outage: Outage) -> None:
        """Let it be away until ``start``."""
        if outage == "frozen":
            self.freeze()
        else:
            await (self.stop if outage == "stopped" else self.kill)()

    async def stop(self) -> None:
        """End it in order; one that is frozen wakes up first."""
        self._wake()
        await self._call(self._server.stop)
        self._ended = True

    async def kill(self) -> None:
        """End it at once, like a power cut."""
        if not self._ended:
            await self._call(self._kill)
        self._frozen, self._ended = [], True

    def freeze(self) -> None:
        """Let it keep its connections and answer nobody."""
        self._frozen = self._freeze()

    async def start(self) -> None:
        """Let it serve again, however it was taken away; nothing happens when it serves already."""
        self._wake()
        if self._ended:
            await self._call(self._server.start)
            self._ended = False

    def _wake(self) -> None:
        for pid in self._frozen:
            _signal(pid, signal.SIGCONT)
        self._frozen = []

    def _freeze(self) -> list[int]:
        """SIGSTOP, the parent first, so that no child is born meanwhile; returns the stopped processes."""
        parent = self._server.pid
        os.kill(parent, signal.SIGSTOP)
        processes = [parent, *children(parent)]
        for pid in processes[1:]:
            _signal(pid, signal.SIGSTOP)
        return processes

    def _kill(self) -> None:
        """SIGKILL to all of it at once: children that outlived their parent could still write."""
        for pid in self._freeze()[1:]:
            _signal(pid, signal.SIGKILL)
        self._server.kill()

    async def _call(self, blocking: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, blocking)


@asynccontextmanager
async def restartable_kafka(folder: Path) -> AsyncIterator[tuple[str, Restartable]]:
    """A broker with its data in ``folder``; gives its bootstrap servers too."""
    broker = KafkaBroker(folder / "kafka")
    async with _running(broker, folder / "kafka" / "data") as kafka:
        yield broker.bootstrap_servers, kafka


@asynccontextmanager
async def restartable_postgres(folder: Path) -> AsyncIterator[tuple[str, Restartable]]:
    """A server with its data in ``folder``; gives the DSN of its superuser too."""
    server = PostgresServer(folder / "postgres")
    async with _running(server, folder / "postgres" / "data") as postgres:
        yield server.dsn, postgres


@asynccontextmanager
async def _running(server: Server, data: Path) -> AsyncIterator[Restartable]:
    """Started, and in the end stopped; of its files only the logs stay."""
    # Services end with the thread that started them.
    with ThreadPoolExecutor(max_workers=1) as thread:
        restartable = Restartable(server, thread)
        await restartable.start()
        try:
            yield restartable
        finally:
            await restartable.stop()
            shutil.rmtree(data, ignore_errors=True)


@asynccontextmanager
async def unwritten_commits(dsn: str) -> AsyncIterator[None]:
    """From here on asynchronous commits stay in Postgres' memory until somebody commits synchronously.

    Those are then lost when the server is killed within the context, however long ago they were. By itself it would
    write them within 0.6 s: the WAL writer, which is frozen here, wakes up each 0.2 s. Nor may an autovacuum commit.
    """
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("ALTER SYSTEM SET autovacuum = off")
        await connection.execute("SELECT pg_reload_conf()")
        writer = await connection.fetchval("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'")
    finally:
        await connection.close()
    os.kill(writer, signal.SIGSTOP)
    try:
        yield
    finally:
        if _alive(writer):
            os.kill(writer, signal.SIGCONT)


def children(parent: int) -> Iterator[int]:
    """The processes that the parent has started, and that have not ended."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name in brackets may hold anything; after it come the state and the parent.
            state, pid = stat.read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended meanwhile
        if int(pid) == parent and state != "Z":
            yield int(stat.parent.name)


def _signal(pid: int, number: signal.Signals) -> None:
    """One that has just ended needs no signal: a woken parent reaps whom its clients left while it was frozen."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
