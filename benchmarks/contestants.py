"""Who is compared: how each is started, how far it is, and whether it got the state right."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient

from benchmarks.services import Services
from benchmarks.streams import PARTITIONS

Progress = Callable[[], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Scene:
    """One run: the services, the topic with the stream, a database of its own, and a name that no other run has."""

    services: Services
    topic: str
    dsn: str
    name: str

    @property
    def folder(self) -> Path:
        """For logs."""
        return self.services.folder


class Contestant(Protocol):
    """Reads the topic of a scene and keeps, in the scene's database, who was last active."""

    @property
    def name(self) -> str:
        """For tables."""

    @property
    def promises(self) -> str:
        """What holds after a crash, in a few words."""

    async def prepare(self, scene: Scene) -> None:
        """What is done once, before the clock starts."""

    def start(self, scene: Scene, log: Path) -> "subprocess.Popen[bytes]":
        """Start the process, with its output in the log."""

    def has_begun(self, log: Path) -> bool:
        """Whether the first record was received."""

    def progress(self, scene: Scene) -> AbstractAsyncContextManager[Progress]:
        """Something that tells, whenever it is called, how many events have their effect committed."""

    async def last_active(self, scene: Scene) -> Mapping[str, datetime]:
        """The state."""


@dataclass(frozen=True, slots=True)
class Engine:
    """This project's engine with one process, all guarantees on and nothing tuned. ``settings``: without the prefix."""

    name: str = "engine"
    promises: str = "exactly once"
    settings: Mapping[str, str] = field(default_factory=dict)

    async def prepare(self, scene: Scene) -> None:
        """`engage init`."""
        command = [str(_command("engage")), "init"]
        await asyncio.to_thread(subprocess.run, command, env=self._environment(scene), check=True, capture_output=True)

    def start(self, scene: Scene, log: Path) -> "subprocess.Popen[bytes]":
        """`engage run`."""
        return _started([str(_command("engage")), "run"], log, self._environment(scene))

    def has_begun(self, log: Path) -> bool:
        """A shard that is taken over is read from that moment: a few milliseconds to the engine's disadvantage."""
        return b'"shard_taken_over"' in log.read_bytes()

    @asynccontextmanager
    async def progress(self, scene: Scene) -> AsyncIterator[Progress]:
        """The stored positions."""
        connection = await asyncpg.connect(scene.dsn)
        try:
            statement = await connection.prepare("SELECT coalesce(sum(position), 0) FROM engagement.shard")

            async def stored() -> int:
                return int(await statement.fetchval())

            yield stored
        finally:
            await connection.close()

    async def last_active(self, scene: Scene) -> Mapping[str, datetime]:
        """The engine's table."""
        return await _rows(scene.dsn, "SELECT user_id, last_active FROM engagement.users")

    def _environment(self, scene: Scene) -> dict[str, str]:
        roles = ("tick", "message", "cycle", "dead_letter", "progress")
        settings = {
            "KAFKA_BOOTSTRAP_SERVERS": scene.services.kafka,
            "POSTGRES_DSN": scene.dsn,
            "ACTIVITY_TOPIC": scene.topic,
            **{f"{role.upper()}_TOPIC": f"{scene.name}-{role}" for role in roles},
            "CONSUMER_GROUP": scene.name,
            "TOPIC_PARTITIONS": str(PARTITIONS),
            "LOG_FORMAT": "json",
            "HTTP_PORT": "off",
            **self.settings,
        }
        return _own_environment() | {f"ENGAGEMENT_{name}": value for name, value in settings.items()}


@dataclass(frozen=True, slots=True)
class Plain:
    """The plain asyncio script, with polls of so many records."""

    max_records: int = 10_000
    promises: str = "at least once"

    @property
    def name(self) -> str:
        """With the size of its polls."""
        return f"plain script, polls of {self.max_records:,}"

    async def prepare(self, scene: Scene) -> None:
        """It creates its table itself."""

    def start(self, scene: Scene, log: Path) -> "subprocess.Popen[bytes]":
        """As a module of this folder: it has the engine's libraries, of the same versions."""
        variables = {
            "KAFKA": scene.services.kafka,
            "POSTGRES_DSN": scene.dsn,
            "TOPIC": scene.topic,
            "GROUP": scene.name,
            "MAX_RECORDS": str(self.max_records),
        }
        return _started([sys.executable, "-m", "benchmarks.peers.plain"], log, _own_environment() | variables)

    def has_begun(self, log: Path) -> bool:
        """It says so."""
        return b"first_record" in log.read_bytes()

    @asynccontextmanager
    async def progress(self, scene: Scene) -> AsyncIterator[Progress]:
        """The group's committed offsets."""
        admin = AIOKafkaAdminClient(bootstrap_servers=scene.services.kafka)
        await admin.start()

        async def committed() -> int:
            offsets = await admin.list_consumer_group_offsets(scene.name)
            return sum(max(0, each.offset) for each in offsets.values())

        try:
            yield committed
        finally:
            await admin.close()

    async def last_active(self, scene: Scene) -> Mapping[str, datetime]:
        """The script's table."""
        return await _rows(scene.dsn, "SELECT user_id, last_active FROM user_state")


def last_event(log: Path) -> str:
    """The end of a log, for a person who looks for a fault."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-10:])


def _command(name: str) -> Path:
    return Path(sys.executable).parent / name


def _own_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("ENGAGEMENT_")}


def _started(command: list[str], log: Path, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    with log.open("wb") as output:
        return subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)


async def _rows(dsn: str, query: str) -> dict[str, datetime]:
    connection = await asyncpg.connect(dsn)
    try:
        return {row["user_id"]: row["last_active"] for row in await connection.fetch(query)}
    finally:
        await connection.close()
