"""Plays a schedule of faults, and notes what really happened."""

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from tests.fault.soak import kafka_faults, postgres_faults, worker_faults
from tests.fault.soak.checker.history import Fault, Recorder
from tests.fault.soak.report import Played
from tests.fault.soak.scene import MissedError, Scene, Strike
from tests.fault.soak.schedule import PlannedFault

STRIKES: dict[str, Strike] = worker_faults.STRIKES | kafka_faults.STRIKES | postgres_faults.STRIKES


@dataclass(slots=True)
class Nemesis:
    """Notes what was done, in the order of the ends, and how often a kind hit nobody, in ``played``."""

    scene: Scene
    recorder: Recorder
    played: Played

    async def play(self, schedule: Sequence[PlannedFault]) -> None:
        """Returns when all is healed, whatever becomes of it."""
        async with asyncio.TaskGroup() as tasks:
            for planned in schedule:
                tasks.create_task(self._play(planned), name=f"{planned.number}: {planned.kind}")

    async def _play(self, planned: PlannedFault) -> None:
        await asyncio.sleep(self.scene.started + planned.begins - time.monotonic())
        try:
            async with self.scene.lane(planned):
                struck = await STRIKES[planned.kind](self.scene, planned)
        except (MissedError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
            self.played.missed[planned.kind] += 1
            _say(f"missed {planned.kind}: {error}")
            return
        fault = Fault(planned.kind, planned.target, struck.begun, struck.ended, struck.details, struck.loses_commits)
        self.played.faults.append(fault)
        self.recorder.note(fault)
        _say(
            f"{struck.begun - self.scene.started:6.1f} to {struck.ended - self.scene.started:6.1f} s: "
            f"{planned.target}: {planned.kind} ({struck.details})"
        )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
