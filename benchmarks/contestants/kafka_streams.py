"""A Kafka Streams application."""

import asyncio
import shutil
import struct
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.arrivals import Growth
from benchmarks.contestants.contestant import Peer, Scene, committed_offsets, started
from benchmarks.streams import PARTITIONS, create_topic, from_micros
from benchmarks.topics import last_values
from deploy.local.child import run_to_end
from deploy.local.errors import UnavailableError
from deploy.local.folders import LOCAL_FOLDER, locked
from deploy.local.jars import find_java

_SOURCE = Path(__file__).parents[1] / "peers" / "kafka_streams" / "pom.xml"
_BUILT = LOCAL_FOLDER / "peers" / "kafka-streams"
_BUILD_SECONDS = 570.0


@dataclass(frozen=True, slots=True)
class KafkaStreams(Peer):
    """`peers/kafka_streams`, with so many threads: a persistent store, exactly_once_v2, everything else by default."""

    threads: int = 1
    promises: str = "exactly once"

    @property
    def name(self) -> str:
        """With its threads."""
        return f"Kafka Streams, threads: {self.threads}"

    async def prepare(self, scene: Scene) -> None:
        """Build it, once, and create its topics. Raises UnavailableError without Maven or Java."""
        await asyncio.to_thread(_build)
        for role in ("tick", "message"):
            await create_topic(scene.services.kafka, f"{scene.name}-{role}")

    def start(self, scene: Scene, log: Path) -> "subprocess.Popen[bytes]":
        """With Java's own defaults for a server: the G1 collector, a quarter of the memory at most."""
        variables = scene.variables | {
            "TICK_TOPIC": f"{scene.name}-tick",
            "MESSAGE_TOPIC": f"{scene.name}-message",
            "THREADS": str(self.threads),
            "STATE_FOLDER": str(scene.folder / f"{scene.name}-state"),
        }
        return started([find_java(), "-cp", f"{_BUILT / 'jars'}/*", "bench.StreamsPeer"], log, variables)

    @property
    def tick_partitions(self) -> Sequence[int]:
        """Each task scans the users of its own partition."""
        return range(PARTITIONS)

    @asynccontextmanager
    async def ended_ticks(self, scene: Scene) -> AsyncIterator[Growth]:
        """The group's committed offsets of the tick topic, of the partition that is last."""
        async with committed_offsets(scene, f"{scene.name}-tick", min) as ended:
            yield Growth(ended)

    async def last_active(self, scene: Scene) -> Mapping[str, datetime]:
        """The changelog of its store: 16 bytes, of which the first eight are microseconds since 1970."""
        values = await last_values(scene.services.kafka, f"{scene.name}-state-changelog")
        return {key.decode(): from_micros(struct.unpack_from(">q", value)[0]) for key, value in values.items()}


def _build() -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise UnavailableError("no `mvn` found to build the Kafka Streams peer (`make system-deps` installs it)")
    _BUILT.mkdir(parents=True, exist_ok=True)
    jars = _BUILT / "jars"
    with locked(_BUILT / "build.lock"):
        if jars.is_dir():
            return
        goals = ["package", "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={jars}.new"]
        command = [maven, "-q", "-B", "-f", str(_SOURCE), f"-Dpeer.folder={_BUILT}", *goals]
        run_to_end(command, cwd=_BUILT, seconds=_BUILD_SECONDS)
        for jar in (_BUILT / "target").glob("*.jar"):
            shutil.copy(jar, f"{jars}.new")
        Path(f"{jars}.new").rename(jars)
