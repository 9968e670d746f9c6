"""One round: a deployment of its own under load and faults, from its first record to the copy of all it left behind."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.campaigns.ending import log_complaints
from tests.campaigns.hanging import ROLES
from tests.fault.cluster.cluster import Cluster
from tests.fault.cluster.proxy import Proxy
from tests.fault.soak import load
from tests.fault.soak.checker.collecting import collect
from tests.fault.soak.checker.evidence import HISTORY
from tests.fault.soak.checker.history import Exit, Recorder, Run
from tests.fault.soak.crew import Crew, Place, at_place, crew
from tests.fault.soak.handover import hand_over_seconds
from tests.fault.soak.kinds import SESSION_SECONDS, SLOTS
from tests.fault.soak.nemesis import Nemesis
from tests.fault.soak.postgres_faults import SLOWNESS
from tests.fault.soak.producing import RecordedProducer
from tests.fault.soak.report import Played
from tests.fault.soak.sampling import sample, snapshot
from tests.fault.soak.scene import Scene
from tests.fault.soak.schedule import PlannedFault
from tests.fault.soak.watching import Watcher, ends_of
from tests.harness.deployment import Deployment, Worker
from tests.harness.restartable import Restartable
from tests.sql import database_dsn, execute

USERS, PARTITIONS, CHUNK_USERS = 2_000, 6, 25
WATCHED_USERS = 200
_BURST, _BURST_SECONDS = 40, 0.25
_TICK_SECONDS = 1.0
# No tick may take longer than a period with all its faults, and a session that has to end afterwards.
STUCK_SECONDS = 120.0


class StuckError(Exception):
    """Something that must come did not come."""


def leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    """The errors in it, however deep."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from leaves(error)
        else:
            yield error


@dataclass(frozen=True, slots=True)
class Platform:
    """What all rounds share: three brokers, a Postgres with its DSN, and the workers' ways to it."""

    cluster: Cluster
    postgres: Restartable
    dsn: str
    links: list[Proxy]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a round is to be."""

    seed: int
    number: int
    command: str
    mutant: str
    folder: Path
    schedule: list[PlannedFault]
    seconds: float
    """From the first fault's time to the end of the last quiet quarter."""


async def play(platform: Platform, plan: Plan) -> Played:
    """Live through it, and copy what is left into its folder. What doesn't come in time is told as trouble."""
    played = Played()
    async with AsyncExitStack() as opened:
        deployment = await opened.enter_async_context(_deployment(platform, plan))
        with Recorder(plan.folder / HISTORY, _run_of(deployment, plan)) as recorder:
            round_ = _Round(platform, plan, deployment, recorder, played)
            async with crew(round_.places(), round_.newcomer) as workers:
                try:
                    await round_.live(workers)
                except* StuckError as errors:
                    played.trouble += [str(error) for error in leaves(errors)]
                    await platform.cluster.heal()
                await workers.stop_all()
                _note_ends(workers, recorder, played)
        await collect(plan.folder, deployment.kafka, deployment.dsn, deployment.name)
    return played


def _note_ends(workers: Crew, recorder: Recorder, played: Played) -> None:
    played.trouble += workers.trouble
    for worker in workers.workers:
        recorder.note(_exit(worker, workers.expected.get(worker.name, ())))
    for leaving, asked, seconds in workers.stopped:
        played.stops.append(seconds)
        hand_over = hand_over_seconds(leaving, asked, workers.workers)
        played.hand_overs += [] if hand_over is None else [hand_over]


class _Round:
    def __init__(
        self, platform: Platform, plan: Plan, deployment: Deployment, recorder: Recorder, played: Played
    ) -> None:
        self._platform = platform
        self._plan = plan
        self._deployment = deployment
        self._recorder = recorder
        self._played = played
        self._crowd = load.Crowd(USERS, f"{plan.seed}/{plan.number}")
        self._over = False
        topics = [deployment.topic(role) for role in ("messages", "cycles", "dead-letters")]
        self._watcher = Watcher(platform.cluster.direct, topics, deployment.topic("cycles"), recorder)
        self._activity = RecordedProducer(platform.cluster.direct, recorder)
        self._newcomers = 0

    def places(self) -> list[Place]:
        """Each with a link of its own to Kafka and to Postgres."""
        return [
            self._place(
                f"worker {number}",
                kafka=self._platform.cluster.through(number),
                dsn=_through(self._deployment.dsn, self._platform.links[number]),
                permanent=number == 0,
            )
            for number in range(SLOTS)
        ]

    def newcomer(self) -> Place:
        """One more, without a proxy in between."""
        self._newcomers += 1
        name = f"newcomer {self._newcomers}"
        return self._place(name, kafka=self._deployment.kafka, dsn=self._deployment.dsn)

    def _place(self, name: str, *, kafka: str, dsn: str, permanent: bool = False) -> Place:
        deployment = at_place(self._deployment, kafka=kafka, dsn=dsn)
        return Place(name, deployment, self._plan.mutant, CHUNK_USERS, permanent)

    async def live(self, workers: Crew) -> None:
        """The first cycle in peace; then the schedule, under load; then one more cycle of everything."""
        async with asyncio.TaskGroup() as beside:
            users = [f"user{number}" for number in range(WATCHED_USERS)]
            watching = [
                beside.create_task(self._watcher.run(), name="watch"),
                beside.create_task(sample(workers.places["worker 0"], self._recorder), name="sample"),
                beside.create_task(
                    snapshot(self._deployment, users, self._activity.ends, self._recorder), name="snapshot"
                ),
            ]
            await self._live(workers)
            await self._read_to_the_end()
            for task in watching:
                task.cancel()

    async def _live(self, workers: Crew) -> None:
        platform, deployment = self._platform, self._deployment
        async with (
            self._activity as activity,
            RecordedProducer(platform.cluster.direct, self._recorder) as ticks,
        ):
            await activity.activity(deployment.topic("activity"), self._crowd.beginning())
            await self._tick(ticks)
            scene = Scene(deployment, platform.cluster, platform.postgres, platform.links, workers, time.monotonic())
            nemesis = Nemesis(scene, self._recorder, self._played)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._act(activity), name="activity")
                tasks.create_task(self._tick_on(ticks), name="ticks")
                await nemesis.play(self._plan.schedule)
                await asyncio.sleep(scene.started + self._plan.seconds - time.monotonic())
                self._over = True
            await platform.cluster.heal()
            await activity.activity(deployment.topic("activity"), self._crowd.some(_BURST))
            await self._tick(ticks)
            self._played.unknown = activity.unknown + ticks.unknown

    async def _act(self, producer: RecordedProducer) -> None:
        topic = self._deployment.topic("activity")
        while not self._over:
            await producer.activity(topic, self._crowd.some(_BURST))
            await asyncio.sleep(_BURST_SECONDS)

    async def _tick_on(self, producer: RecordedProducer) -> None:
        while not self._over:
            await self._tick(producer)
            await asyncio.sleep(_TICK_SECONDS)

    async def _tick(self, producer: RecordedProducer) -> None:
        tick_id, value = self._crowd.next_tick()
        invoked = await producer.tick(self._deployment.topic("ticks"), value)
        try:
            async with asyncio.timeout(STUCK_SECONDS):
                seen = await self._watcher.wait_for_cycle(tick_id)
        except TimeoutError:
            raise StuckError(f"the cycle of {tick_id} was not seen within {STUCK_SECONDS:g} s") from None
        self._played.ticks.append((invoked, seen))

    async def _read_to_the_end(self) -> None:
        """The live reader has to see everything that there is."""
        ends = await ends_of(self._platform.cluster.direct, list(self._watcher.read))
        try:
            async with asyncio.timeout(STUCK_SECONDS):
                await self._watcher.wait_for_end(ends)
        except TimeoutError:
            raise StuckError(f"the reader did not come to the ends {ends}") from None


def _through(dsn: str, link: Proxy) -> str:
    """The database behind the proxy."""
    return urlsplit(dsn)._replace(netloc=f"postgres@127.0.0.1:{link.port}").geturl()


@asynccontextmanager
async def _deployment(platform: Platform, plan: Plan) -> AsyncIterator[Deployment]:
    """Fresh topics and a fresh database."""
    unique = f"soak-{plan.number}-{secrets.token_hex(3)}"
    database = unique.replace("-", "_")
    await execute(platform.dsn, f'CREATE DATABASE "{database}"')
    variables = load.VARIABLES | {"SESSION_TIMEOUT_SECONDS": f"{SESSION_SECONDS:g}"}
    deployment = Deployment(
        unique, platform.cluster.direct, database_dsn(platform.dsn, database), plan.folder, PARTITIONS, variables
    )
    await asyncio.to_thread(deployment.init)
    await execute(deployment.dsn, SLOWNESS)
    try:
        yield deployment
    finally:
        await execute(platform.dsn, f'DROP DATABASE "{database}" WITH (FORCE)')


def _run_of(deployment: Deployment, plan: Plan) -> Run:
    topics = {role: deployment.topic(role) for role in ROLES}
    return Run(plan.seed, plan.command, topics, deployment.partitions, load.THRESHOLDS)


def _exit(worker: Worker, expected: tuple[int, ...]) -> Exit:
    lines = worker.log.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    whole = [line.rstrip() for line in lines if line.endswith("\n")]
    last = whole[-1] if whole else ""
    return Exit(worker.name, worker.process.returncode, expected, last, tuple(log_complaints(worker)))
