"""A deployment in which something happens: workers that come and go, a crowd, ticks, bad records."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from domain.times import format_time
from tests.conditions import until
from tests.harness.deployment import Deployment, Worker
from tests.harness.feed import Feed
from tests.monitoring.prometheus_server import write_targets

# Such that a minute has all that otherwise takes days: users get idle, are messaged, come back, and get dormant.
VARIABLES = {
    "HTTP_PORT": "0",
    "INACTIVITY_THRESHOLD_SECONDS": "2",
    "MESSAGE_FREQUENCY_HOURS": "0.002",  # 7.2 s
    "DORMANT_THRESHOLD_DAYS": "0.0001",  # 8.64 s
    "NEW_USER_THRESHOLD_DAYS": "0.0002",  # 17.28 s
}
_USERS = 20_000
# The rhythm of the crowd and of the ticker: nothing waits for these.
_ACTIVITY_SECONDS, _TICK_SECONDS = 0.25, 5.0


class Scene:
    """``targets`` is the file that tells Prometheus of the workers, the dead ones too: as where names are fixed."""

    def __init__(self, deployment: Deployment, targets: Path) -> None:
        self._deployment = deployment
        self._targets = targets
        self._chance = random.Random(5)
        self._addresses: list[str] = []

    async def start_worker(self) -> Worker:
        """One more worker, which owns shards when this returns."""
        worker = self._deployment.start_worker()
        await until(_has_logged(worker, "http_listening"))
        [event] = worker.events("http_listening")
        self._addresses.append(f"127.0.0.1:{event['port']}")
        write_targets(self._targets, self._addresses)
        await until(_has_logged(worker, "shard_taken_over"))
        return worker

    @asynccontextmanager
    async def crowd(self) -> AsyncIterator[None]:
        """While the block runs, users come and go, somebody asks for evaluations, and somebody produces nonsense."""
        async with Feed(self._deployment) as feed:
            running = [asyncio.create_task(self._be_active(feed)), asyncio.create_task(_tick(feed))]
            try:
                yield
            finally:
                for task in running:
                    task.cancel()
                for task in running:
                    with contextlib.suppress(asyncio.CancelledError):
                        await task

    async def _be_active(self, feed: Feed) -> None:
        while True:
            await feed.activity(self._activity())
            if self._chance.random() < 0.1:
                await feed.records([(b"someone", b"nonsense")])
            await asyncio.sleep(_ACTIVITY_SECONDS)

    def _activity(self) -> Iterator[dict[str, Any]]:
        now = format_time(datetime.now(UTC))
        for _ in range(self._chance.randint(50, 400)):
            # Cubed, so that a few users are always there, and most come back now and then.
            user = int(_USERS * self._chance.random() ** 3)
            yield {"type": "user.active", "user_id": f"user{user}", "occurred_at": now}


async def _tick(feed: Feed) -> None:
    while True:
        await feed.tick(format_time(datetime.now(UTC)))
        await asyncio.sleep(_TICK_SECONDS)


def _has_logged(worker: Worker, event: str) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        assert worker.running, worker.tail()
        return bool(worker.events(event))

    return check
