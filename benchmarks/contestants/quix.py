"""A Quix Streams application."""

import asyncio
import subprocess
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from benchmarks.contestants.contestant import Progress, Scene, committed_offsets, started
from benchmarks.contestants.topics import EPOCH, last_values
from benchmarks.environments import python_of

_APP = Path(__file__).parents[1] / "peers" / "quix" / "app.py"
# A key of the state, in the changelog: the user, a bar, and the name in the application's state as JSON.
_KEY_END = '|"last"'


@dataclass(frozen=True, slots=True)
class Quix:
    """`peers/quix`, exactly once, with so many seconds from commit to commit; everything else by default."""

    commit_seconds: float = 5.0
    promises: str = "exactly once"

    @property
    def name(self) -> str:
        """With its interval."""
        return f"Quix Streams, commits each {self.commit_seconds:g} s"

    async def prepare(self, scene: Scene) -> None:  # noqa: ARG002 - others need it
        """Make its environment, once. Raises UnavailableError."""
        await asyncio.to_thread(python_of, "quix")

    def start(self, scene: Scene, log: Path) -> "subprocess.Popen[bytes]":
        """In its environment."""
        variables = {
            "KAFKA": scene.services.kafka,
            "TOPIC": scene.topic,
            "GROUP": scene.name,
            "COMMIT_SECONDS": str(self.commit_seconds),
            "STATE_FOLDER": str(scene.folder / f"{scene.name}-state"),
        }
        return started([str(python_of("quix")), str(_APP)], log, variables)

    def has_begun(self, log: Path) -> bool:
        """It says so."""
        return b"first_record" in log.read_bytes()

    def progress(self, scene: Scene) -> AbstractAsyncContextManager[Progress]:
        """The group's committed offsets."""
        return committed_offsets(scene, scene.topic)

    async def last_active(self, scene: Scene) -> Mapping[str, datetime]:
        """The changelog of its state."""
        values = await last_values(scene.services.kafka, f"changelog__{scene.name}--{scene.topic}--default")
        return {
            key.decode().removesuffix(_KEY_END): EPOCH + timedelta(microseconds=msgspec.json.decode(value, type=int))
            for key, value in values.items()
            if key.decode().endswith(_KEY_END)
        }
