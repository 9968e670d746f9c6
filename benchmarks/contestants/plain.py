"""The plain asyncio script."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.contestants.contestant import Peer, Scene, started, stored


@dataclass(frozen=True, slots=True)
class Plain(Peer):
    """`peers/plain.py`, with polls of so many records."""

    max_records: int = 10_000
    promises: str = "at least once"

    @property
    def name(self) -> str:
        """With the size of its polls."""
        return f"plain script, polls of {self.max_records:,}"

    async def prepare(self, scene: Scene) -> None:
        """It creates its table itself."""

    def start(self, scene: Scene, log: Path) -> "subprocess.Popen[bytes]":
        """With the engine's libraries, in the same versions."""
        variables = scene.variables | {"MAX_RECORDS": str(self.max_records)}
        return started([sys.executable, "-m", "benchmarks.peers.plain"], log, variables)

    async def last_active(self, scene: Scene) -> Mapping[str, datetime]:
        """The script's table."""
        return await stored(scene.dsn, "SELECT user_id, last_active FROM user_state")
