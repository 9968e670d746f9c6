"""A crew of workers that stays complete: whoever dies at a crash point is followed by another one."""

import asyncio
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from tests.harness.deployment import Deployment, Worker

# Between two looks at whether a worker has died: far below the seconds until others take its shards over.
_LOOK_SECONDS = 0.05


class Crew:
    """``size`` workers; ``kills`` of them die, each at one of the ``points``. To be used as an asynchronous context."""

    def __init__(
        self, deployment: Deployment, size: int, *, chunk_users: int, points: Iterator[str], kills: int
    ) -> None:
        self.killed: list[str] = []
        """Where they died."""
        self.trouble: list[str] = []
        self.present: list[Worker] = []
        self._deployment = deployment
        self._size = size
        self._chunk_users = chunk_users
        self._points = points
        self._kills_left = kills
        self._killed_at_once: Worker | None = None
        self._keeping: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.present = [self._start() for _ in range(self._size)]
        self._keeping = asyncio.create_task(self._keep(), name="keep the crew complete")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        await asyncio.to_thread(self._deployment.stop)

    def kill_one(self, kills: int) -> None:
        """SIGKILL one worker at once; of those who follow, so many more die at points."""
        self._kills_left = kills
        self._killed_at_once = self.present[0]
        self._killed_at_once.kill()

    def _start(self) -> Worker:
        point = next(self._points) if self._kills_left else ""
        self._kills_left -= bool(point)
        return self._deployment.start_worker(crash=point, chunk_users=self._chunk_users)

    async def _keep(self) -> None:
        while True:
            for place, worker in enumerate(self.present):
                if worker.running:
                    continue
                if worker is self._killed_at_once:
                    self.killed.append("at once")
                elif worker.crashed_at is None:
                    self.trouble.append(f"{worker.name} ended by itself\n{worker.tail()}")
                else:
                    self.killed.append(worker.crashed_at)
                self.present[place] = self._start()
            await asyncio.sleep(_LOOK_SECONDS)
