"""What everybody who is compared can be asked."""

import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient

from benchmarks.arrivals import Arrivals
from benchmarks.services import Services
from benchmarks.streams import PARTITIONS, Stream

Progress = Callable[[], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Scene:
    """One run: the services, the topic with the stream, a database of its own, and a name that no other run has.

    ``partitions``: of that topic, and of the others that may have several.
    """

    services: Services
    topic: str
    dsn: str
    name: str
    partitions: int = PARTITIONS

    @property
    def folder(self) -> Path:
        """For logs."""
        return self.services.folder

    @property
    def variables(self) -> dict[str, str]:
        """What every peer is told."""
        return {
            "KAFKA": self.services.kafka,
            "POSTGRES_DSN": self.dsn,
            "TOPIC": self.topic,
            "GROUP": self.name,
        }


class Contestant(Protocol):
    """Reads the topic of a scene and keeps who was last active."""

    @property
    def name(self) -> str:
        """For tables."""

    @property
    def promises(self) -> str:
        """What holds after a crash, in a few words."""

    def given(self, stream: Stream) -> Stream:
        """The stream that it reads instead of this one: the same, or a shorter one for who would take too long."""

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


class Evaluates(Contestant, Protocol):
    """One that evaluates ticks too: from the topic ``<scene>-tick``, with messages to ``<scene>-message``."""

    @property
    def tick_partitions(self) -> Sequence[int]:
        """The partitions that a tick must be written to, all of them."""

    def ended_ticks(self, scene: Scene) -> AbstractAsyncContextManager[Arrivals]:
        """The ends of ticks."""


class Peer:
    """What everybody but the engine has in common: it says when it begins, and commits the offsets of its group."""

    __slots__ = ()

    def given(self, stream: Stream) -> Stream:
        """All of it."""
        return stream

    def has_begun(self, log: Path) -> bool:
        """It says so."""
        return b"first_record" in log.read_bytes()

    def progress(self, scene: Scene) -> AbstractAsyncContextManager[Progress]:
        """The group's committed offsets."""
        return committed_offsets(scene, scene.topic)


def own_environment() -> dict[str, str]:
    """Ours, without settings of the engine."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ENGAGEMENT_")}


def started(command: list[str], log: Path, variables: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """A process with these variables on top of our own, and its output in the log."""
    with log.open("wb") as output:
        return subprocess.Popen(
            command, env={**own_environment(), **variables}, stdout=output, stderr=subprocess.STDOUT
        )


def last_lines(log: Path) -> str:
    """The end of a log, for a person who looks for a fault."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-10:])


@asynccontextmanager
async def committed_offsets(
    scene: Scene, topic: str, combine: Callable[[Sequence[int]], int] = sum
) -> AsyncIterator[Progress]:
    """What the scene's consumer group has committed of the topic: by partition, and combined."""
    admin = AIOKafkaAdminClient(bootstrap_servers=scene.services.kafka)
    await admin.start()

    async def committed() -> int:
        offsets = await admin.list_consumer_group_offsets(scene.name)
        known = {tp.partition: max(0, each.offset) for tp, each in offsets.items() if tp.topic == topic}
        return combine([known.get(number, 0) for number in range(scene.partitions)])

    try:
        yield committed
    finally:
        await admin.close()


async def stored(dsn: str, query: str) -> dict[str, datetime]:
    """The state that a query of user_id and last_active gives."""
    connection = await asyncpg.connect(dsn)
    try:
        return {row["user_id"]: row["last_active"] for row in await connection.fetch(query)}
    finally:
        await connection.close()
