"""A FastStream application."""

import asyncio
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.contestants.contestant import Peer, Scene, started, stored
from benchmarks.environments import python_of
from benchmarks.streams import Stream

_APP = Path(__file__).parents[1] / "peers" / "faststream" / "app.py"


@dataclass(frozen=True, slots=True)
class FastStream(Peer):
    """`peers/faststream`: an upsert and an acknowledgement for each message; everything else by default."""

    name: str = "FastStream, an upsert each"
    promises: str = "at least once"

    def given(self, stream: Stream) -> Stream:
        """A fiftieth of the events: it would take half an hour for all of them."""
        return stream.shortened(50)

    async def prepare(self, scene: Scene) -> None:  # noqa: ARG002 - others need it
        """Make its environment, once. Raises UnavailableError."""
        await asyncio.to_thread(python_of, "faststream")

    def start(self, scene: Scene, log: Path) -> "subprocess.Popen[bytes]":
        """In its environment."""
        return started([str(python_of("faststream")), str(_APP)], log, scene.variables)

    async def last_active(self, scene: Scene) -> Mapping[str, datetime]:
        """The application's table."""
        return await stored(scene.dsn, "SELECT user_id, last_active FROM user_state")
