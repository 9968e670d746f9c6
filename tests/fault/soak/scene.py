"""All that the faults of a soak act on, and what a fault leaves behind for the record."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from tests.fault.cluster.cluster import Cluster
from tests.fault.cluster.proxy import Proxy
from tests.fault.soak.crew import Crew, Place
from tests.fault.soak.kinds import LANES
from tests.fault.soak.schedule import PlannedFault
from tests.harness.deployment import Deployment
from tests.harness.restartable import Restartable

APPLICATION = "soak"
"""The application name of the soak's own sessions in Postgres, which no fault hits."""
_CONNECT_SECONDS = 5.0
_LANE_SECONDS = 3.0


class MissedError(Exception):
    """The fault could not be done to anybody; says why."""


@dataclass(frozen=True, slots=True)
class Struck:
    """What happened: from when to when, and details; ``loses_commits``: asynchronous commits may be forgotten."""

    begun: float
    ended: float
    details: str = ""
    loses_commits: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """One round's deployment, its workers and services. ``started``: when its schedule began."""

    deployment: Deployment
    cluster: Cluster
    postgres: Restartable
    postgres_links: list[Proxy]
    """By the number of the worker."""
    crew: Crew
    started: float
    lanes: dict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    """Healing may take longer than planned: then the next fault of the lane waits for a moment, or is left out."""

    def place(self, planned: PlannedFault) -> Place:
        """The place of the worker that is the target; its worker runs. Raises MissedError when it doesn't."""
        place = self.crew.places[planned.target]
        if place.worker is None or not place.worker.running:
            raise MissedError(f"{planned.target} is not there")
        return place

    @asynccontextmanager
    async def lane(self, planned: PlannedFault) -> AsyncIterator[None]:
        """Nothing else happens in its lane within the context. Raises MissedError when that can't be had soon."""
        lock = self.lanes[LANES[planned.kind].format(target=planned.target)]
        try:
            async with asyncio.timeout(_LANE_SECONDS):
                await lock.acquire()
        except TimeoutError:
            raise MissedError("the last fault of its lane is not over") from None
        try:
            yield
        finally:
            lock.release()

    async def hold(self, planned: PlannedFault) -> None:
        """Wait until the fault is to be healed, at the earliest half of its time from now: some begin late."""
        left = self.started + planned.ends - time.monotonic()
        await asyncio.sleep(max(left, planned.seconds / 2))

    @asynccontextmanager
    async def session(self) -> AsyncIterator[asyncpg.Connection]:
        """A session in the deployment's database. Raises MissedError when Postgres can't be reached."""
        try:
            connection = await asyncpg.connect(
                self.deployment.dsn, timeout=_CONNECT_SECONDS, server_settings={"application_name": APPLICATION}
            )
        except (OSError, asyncpg.PostgresError, TimeoutError) as error:
            raise MissedError(f"Postgres can't be reached: {error!r}") from error
        try:
            yield connection
        finally:
            await connection.close(timeout=_CONNECT_SECONDS)


Strike = Callable[[Scene, PlannedFault], Awaitable[Struck]]
"""Does the fault and heals it, also when it is cancelled. Raises MissedError when nobody was hit."""
