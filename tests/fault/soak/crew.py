"""The workers of a soak: some that are always there, and newcomers of a rebalance storm.

Each place has its own way to Kafka and to Postgres, and a worker that ended is followed by another one.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from tests.fault.soak.worker import ORDER_VARIABLE, done_file
from tests.harness.deployment import ROOT, Deployment, Worker

_BOUND_CHILD = ROOT / "deploy" / "local" / "bound_child.py"
_LOOK_SECONDS = 0.05
# Between the end of a worker and the start of the next one, as a platform would wait.
_RESTART_SECONDS = 0.3
_KILLED, _TERMINATED = -signal.SIGKILL, -signal.SIGTERM


@dataclass
class Place:
    """One worker at a time, on the deployment as its place reaches it. ``permanent``: it is never killed."""

    name: str
    deployment: Deployment
    mutant: str
    chunk_users: int
    permanent: bool = False
    worker: Worker | None = None
    asked: bool = False
    """Whether the present worker was asked to end."""
    former: list[Worker] = field(default_factory=list)

    @property
    def order_file(self) -> Path:
        return self.deployment.folder / f"{self.name.replace(' ', '-')}.order"

    def start(self) -> Worker:
        """Start the next one; the kernel ends it with this process."""
        self.withdraw_order()
        name = f"{self.name.replace(' ', '-')}-{len(self.former)}"
        log = self.deployment.folder / f"{name}.log"
        environment = self.deployment.environment | {
            ORDER_VARIABLE: str(self.order_file),
            "ENGAGE_TEST_CHUNK_USERS": str(self.chunk_users),
            "ENGAGE_TEST_MUTANT": self.mutant,
        }
        bound = [sys.executable, "-I", str(_BOUND_CHILD), str(os.getpid()), str(int(signal.SIGKILL))]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*bound, sys.executable, "-m", "tests.fault.soak.worker"],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.worker = Worker(name, process, log, done_file(self.order_file))
        self.asked = False
        self.former.append(self.worker)
        return self.worker

    def order(self, text: str) -> None:
        """What the present worker shall do at a step."""
        self.withdraw_order()
        part = self.order_file.with_suffix(".part")
        part.write_text(text, encoding="utf-8")
        part.replace(self.order_file)

    def withdraw_order(self) -> None:
        """Forget the last order, carried out or not."""
        self.order_file.unlink(missing_ok=True)
        done_file(self.order_file).unlink(missing_ok=True)

    @property
    def carried_out(self) -> bool:
        """Whether the last order was."""
        return done_file(self.order_file).exists()


class Crew:
    """To be used through ``crew``."""

    def __init__(self, places: list[Place], newcomers: Callable[[], Place]) -> None:
        self.places = {place.name: place for place in places}
        self.all_places = list(places)
        self.trouble: list[str] = []
        """What workers did that they should not: ended unasked, ended badly, took too long to stop."""
        self.stopped: list[tuple[Worker, datetime, float]] = []
        """Who was asked to stop by a fault, when, and the seconds until its end."""
        self.expected: dict[str, tuple[int, ...]] = {}
        """The right exit codes of each worker, by its name; none is right for one that ends by itself."""
        self._newcomers = newcomers
        self._complete = True

    def newcomer(self) -> Place:
        """A place for one more worker; nobody follows who ends there."""
        place = self._newcomers()
        self.all_places.append(place)
        return place

    @property
    def workers(self) -> list[Worker]:
        """All that there ever were."""
        return [worker for place in self.all_places for worker in place.former]

    async def kill(self, place: Place) -> None:
        """SIGKILL."""
        assert place.worker is not None
        place.asked = True
        self.expected[place.worker.name] = (_KILLED,)
        await asyncio.to_thread(place.worker.kill)

    async def stop(self, place: Place) -> None:
        """SIGTERM; it has to end in order within ten seconds."""
        worker = place.worker
        assert worker is not None
        place.asked = True
        # One that is stopped before it has begun ends as any process does.
        right = (0,) if worker.events("service_started") else (0, _TERMINATED)
        self.expected[worker.name] = right
        asked, begun = datetime.now(UTC), time.monotonic()
        code = await asyncio.to_thread(worker.stop)
        self.stopped.append((worker, asked, time.monotonic() - begun))
        if code not in right:
            self.trouble.append(f"{worker.name} was asked to stop and ended with {code}\n{worker.tail(5)}")

    async def stop_all(self) -> None:
        """All that still run, at the same time; nobody follows them."""
        self._complete = False
        running = [place for place in self.all_places if place.worker is not None and place.worker.running]
        await asyncio.gather(*(self.stop(place) for place in running))

    async def keep(self) -> None:
        """Start a worker wherever one has ended, until all are stopped."""
        while self._complete:
            for place in self.places.values():
                worker = place.worker
                if worker is None or worker.running:
                    continue
                if place.carried_out:
                    self.expected[worker.name] = (_KILLED,)
                elif not place.asked:
                    code = worker.process.returncode
                    self.trouble.append(f"{worker.name} ended by itself, with {code}\n{worker.tail()}")
                await asyncio.sleep(_RESTART_SECONDS)
                if self._complete:
                    place.start()
            await asyncio.sleep(_LOOK_SECONDS)


@asynccontextmanager
async def crew(places: list[Place], newcomers: Callable[[], Place]) -> AsyncIterator[Crew]:
    """Workers on all places, kept complete within the context; those that still run in the end are killed."""
    crew = Crew(places, newcomers)
    for place in places:
        place.start()
    keeping = asyncio.create_task(crew.keep(), name="keep the crew complete")
    try:
        yield crew
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        for worker in crew.workers:
            if worker.running:
                worker.kill()


def at_place(deployment: Deployment, *, kafka: str, dsn: str) -> Deployment:
    """The deployment as one place reaches it."""
    return replace(deployment, kafka=kafka, dsn=dsn, workers=[])
