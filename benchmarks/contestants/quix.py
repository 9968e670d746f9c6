"""A Quix Streams application."""

import asyncio
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from benchmarks.contestants.contestant import Peer, Scene, started
from benchmarks.environments import python_of
from benchmarks.streams import from_micros
from benchmarks.topics import last_values

_APP = Path(__file__).parents[1] / "peers" / "quix" / "app.py"
# A key of the state, in the changelog: the user, a bar, and the name in the application's state as JSON.
_KEY_END = '|"last"'


@dataclass(frozen=True, slots=True)
class Quix(Peer):
    """`peers/quix`, everything else by default: a commit each 5 s, for one."""

    promises: Literal["exactly once", "at least once"] = "exactly once"

    @property
    def name(self) -> str:
        """With what it promises."""
        return f"Quix Streams, {self.promises}"

    async def prepare(self, scene: Scene) -> None:  # noqa: ARG002 - others need it
        """Make its environment, once. Raises UnavailableError."""
        await asyncio.to_thread(python_of, "quix")

    def start(self, scene: Scene, log: Path) -> "subprocess.Popen[bytes]":
        """In its environment."""
        variables = scene.variables | {
            "GUARANTEE": self.promises.replace(" ", "-"),
            "STATE_FOLDER": str(scene.folder / f"{scene.name}-state"),
        }
        return started([str(python_of("quix")), str(_APP)], log, variables)

    async def last_active(self, scene: Scene) -> Mapping[str, datetime]:
        """The changelog of its state."""
        values = await last_values(scene.services.kafka, f"changelog__{scene.name}--{scene.topic}--default")
        return {
            key.decode().removesuffix(_KEY_END): from_micros(msgspec.json.decode(value, type=int))
            for key, value in values.items()
            if key.decode().endswith(_KEY_END)
        }
