"""This project's engine."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import asyncpg
from aiokafka import TopicPartition

from benchmarks.arrivals import Arrivals, record_arrivals
from benchmarks.contestants.contestant import Progress, Scene, own_environment, started, stored
from benchmarks.streams import Stream

_ENGAGE = str(Path(sys.executable).parent / "engage")


@dataclass(frozen=True, slots=True)
class Engine:
    """All guarantees on and nothing tuned. ``settings``: by their short name, others than usual."""

    processes: int = 1
    promises: str = "exactly once"
    settings: Mapping[str, str] = field(default_factory=dict)

    def given(self, stream: Stream) -> Stream:
        """All of it."""
        return stream

    @property
    def name(self) -> str:
        """With the number of processes, where there are several."""
        return "engine" if self.processes == 1 else f"engine, {self.processes} processes"

    async def prepare(self, scene: Scene) -> None:
        """`engage init`."""
        environment = own_environment() | self._variables(scene)
        await asyncio.to_thread(subprocess.run, [_ENGAGE, "init"], env=environment, check=True, capture_output=True)

    def start(self, scene: Scene, log: Path) -> "subprocess.Popen[bytes]":
        """`engage run`."""
        return started([_ENGAGE, "run", "--processes", str(self.processes)], log, self._variables(scene))

    def has_begun(self, log: Path) -> bool:
        """A shard that is taken over is read from that moment: a few milliseconds to the engine's disadvantage."""
        return b'"shard_taken_over"' in log.read_bytes()

    @asynccontextmanager
    async def progress(self, scene: Scene) -> AsyncIterator[Progress]:
        """The stored positions."""
        connection = await asyncpg.connect(scene.dsn)
        try:
            statement = await connection.prepare("SELECT coalesce(sum(position), 0) FROM engagement.shard")

            async def positions() -> int:
                return int(await statement.fetchval())

            yield positions
        finally:
            await connection.close()

    @property
    def tick_partitions(self) -> Sequence[int]:
        """One record for all users."""
        return (0,)

    def ended_ticks(self, scene: Scene) -> AbstractAsyncContextManager[Arrivals]:
        """The cycles' records."""
        return record_arrivals(scene.services.kafka, [TopicPartition(f"{scene.name}-cycle", 0)])

    async def last_active(self, scene: Scene) -> Mapping[str, datetime]:
        """The engine's table."""
        return await stored(scene.dsn, "SELECT user_id, last_active FROM engagement.users")

    def _variables(self, scene: Scene) -> dict[str, str]:
        roles = ("tick", "message", "cycle", "dead_letter", "progress")
        settings = {
            "KAFKA_BOOTSTRAP_SERVERS": scene.services.kafka,
            "POSTGRES_DSN": scene.dsn,
            "ACTIVITY_TOPIC": scene.topic,
            **{f"{role.upper()}_TOPIC": f"{scene.name}-{role}" for role in roles},
            "CONSUMER_GROUP": scene.name,
            "TOPIC_PARTITIONS": str(scene.partitions),
            "LOG_FORMAT": "json",
            "HTTP_PORT": "off",
            **self.settings,
        }
        return {f"ENGAGEMENT_{name}": value for name, value in settings.items()}
