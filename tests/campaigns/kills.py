"""Several workers on eight partitions: killed in each of three windows, paused, and everything against the oracle.

With 2, 3 and 4 workers, on each of some days: workers die in the middle of the tick, one right after it has decided a
chunk, one right after it has sent one, one right after that was committed; others take their places. On later days two
of them fall asleep in the middle of the tick, and wake up when others have ended it.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import asyncpg

from tests.campaigns import load
from tests.campaigns.ending import Ending, end
from tests.campaigns.holders import wait_until_settled
from tests.campaigns.outcome import Outcome
from tests.campaigns.windows import COMMITTED, WINDOWS, Kill, Window, note_kill
from tests.conditions import until
from tests.harness.deployment import Deployment, Worker
from tests.harness.feed import Feed
from tests.harness.temporary import Services, side_by_side, temporary_deployment
from tests.harness.waiting import SECONDS, wait_for_event, wait_for_pause, wait_until_cycles

WORKERS = (2, 3, 4)
PARTITIONS = 8
# Less would hardly show a take-over in the middle of a shard's tick.
FEWEST_CHUNKS = 3
# Within the first chunks of the worker's shards, so that there is more to do for all of them.
_LATEST_KILL = 4
# Of five or six in a shard's tick. By then the shard's other chunks are decided (up to four are ahead), so that what it
# writes next, when it wakes up, is what it was stopped before.
_CHUNKS_BEFORE_PAUSE = 4
# Which of its writes a woken worker comes to first is a matter of milliseconds: both kinds may take some more days.
_MORE_PAUSE_DAYS = 5
_BEFORE_SENDING, _BEFORE_CONFIRMING = "publish 2|before", COMMITTED.point
BY_POSTGRES, BY_KAFKA = "is over", "a newer producer has taken over"
"""How a refusal is told in the log of the worker that met it."""


@dataclass(frozen=True, slots=True)
class Size:
    """Of one campaign. ``messages``: the least of any tick."""

    users: int
    chunk_users: int
    messages: int
    kill_days: int
    pause_days: int


FULL = Size(users=48_000, chunk_users=700, messages=20_000, kill_days=4, pause_days=2)
SLICE = Size(users=4_800, chunk_users=70, messages=2_000, kill_days=1, pause_days=1)


async def run(services: Services, *, seed: int, full: bool) -> Outcome:
    """One campaign for each number of workers; they mostly wait, so they run side by side."""
    jobs = {f"{workers} workers": partial(play, services, workers, seed=seed, full=full) for workers in WORKERS}
    async with side_by_side(jobs, 2 if full else len(jobs)) as tasks:
        outcomes = {name: await task for name, task in tasks.items()}
    return Outcome(
        [f"{name}: {difference}" for name, outcome in outcomes.items() for difference in outcome.differences],
        {f"{name}, {figure}": value for name, o in outcomes.items() for figure, value in o.figures.items()},
    )


async def play(services: Services, workers: int, *, seed: int, full: bool) -> Outcome:
    """The campaign with so many workers."""
    started = time.monotonic()
    size = FULL if full else SLICE
    deployments = temporary_deployment(
        services, f"kills {workers} workers", partitions=PARTITIONS, variables=load.VARIABLES
    )
    async with deployments as deployment, Feed(deployment) as feed:
        campaign = _Campaign(deployment, feed, load.Crowd(size.users, seed), workers, size, random.Random(seed))
        for _ in range(size.kill_days):
            await campaign.day_of_kills()
        for _ in range(size.pause_days):
            await campaign.day_of_pauses()
        while campaign.not_refused and campaign.days < size.kill_days + size.pause_days + _MORE_PAUSE_DAYS:
            await campaign.day_of_pauses()
        await campaign.quiet_day()
        chunks = await _fewest_chunks(deployment.dsn)
        ending = await end(deployment, feed, load.THRESHOLDS)
    return campaign.outcome(ending, chunks, time.monotonic() - started)


@dataclass
class _Campaign:
    deployment: Deployment
    feed: Feed
    crowd: load.Crowd
    number: int
    size: Size
    random: random.Random
    working: list[Worker] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    days: int = 0

    @property
    def not_refused(self) -> list[str]:
        """The kinds of refusal that no woken worker has met yet."""
        return [told for told in (BY_POSTGRES, BY_KAFKA) if not self.refusals[told]]

    async def day_of_kills(self) -> None:
        """In the tick at its end a worker dies in each window. Those who come for them may die as well."""
        windows = self.random.sample(WINDOWS, len(WINDOWS))
        first, later = windows[: self.number], windows[self.number :]
        armed = await self._exchange([self._point_in(window) for window in first])
        await self._day()
        deaths = zip(armed, first, strict=True)
        await asyncio.gather(*(self._witness(worker, window, later) for worker, window in deaths))
        await wait_until_cycles(self.deployment, self.days)

    async def day_of_pauses(self) -> None:
        """In the tick at its end two workers are paused, others end it, and the two wake up."""
        nth = _CHUNKS_BEFORE_PAUSE * (PARTITIONS // self.number)
        points = [f"{step}|{nth}" for step in (_BEFORE_SENDING, _BEFORE_CONFIRMING)]
        paused = await self._exchange([f"{point}|stop" for point in points])
        await self._day()
        for worker, point in zip(paused, points, strict=True):
            assert await wait_for_pause(worker) == point
        stand_ins = [self._start() for _ in paused]
        await wait_until_cycles(self.deployment, self.days)
        await self._wake(paused)
        await asyncio.gather(*(asyncio.to_thread(worker.stop) for worker in stand_ins))
        await wait_until_settled(self.deployment, self.working)
        for worker in paused:
            self._count_refusals(worker)

    async def quiet_day(self) -> None:
        """Shows what the days before have left behind."""
        await wait_until_settled(self.deployment, self.working)
        await self._day()
        await wait_until_cycles(self.deployment, self.days)

    def outcome(self, ending: Ending, chunks: int, seconds: float) -> Outcome:
        fewest = min(ending.messages_by_tick)
        short = [complaint for kill in self.kills for complaint in kill.shortfall]
        if fewest < self.size.messages:
            short.append(f"only {fewest} messages at a tick instead of {self.size.messages} or more")
        if chunks < FEWEST_CHUNKS:
            short.append(f"only {chunks} chunks in a shard's tick instead of {FEWEST_CHUNKS} or more")
        short += [f"no write of a woken worker was refused with {told!r}" for told in self.not_refused]
        figures = {
            "ticks": self.days,
            "messages": sum(ending.messages_by_tick),
            "messages at a tick": f"{fewest} to {max(ending.messages_by_tick)}",
            "chunks in a shard's tick": f"{chunks} or more",
            **{f"kills, {window.name}": sum(kill.window is window for kill in self.kills) for window in WINDOWS},
            "refused by Postgres": self.refusals[BY_POSTGRES],
            "refused by Kafka": self.refusals[BY_KAFKA],
            "seconds": round(seconds),
        }
        return Outcome([*short, *ending.differences], figures)

    async def _day(self) -> None:
        await self.feed.activity(self.crowd.next_day())
        self.days += 1
        await self.feed.tick(self.crowd.midnight, f"day {self.days}")

    async def _exchange(self, points: Sequence[str]) -> list[Worker]:
        """As many workers as before, some of them new ones with these crash points; returns those."""
        leaving, staying = self.working[: len(points)], self.working[len(points) :]
        armed = [self._start(point) for point in points]
        await asyncio.gather(*(asyncio.to_thread(worker.stop) for worker in leaving))
        self.working = [*staying, *armed]
        self.working += [self._start() for _ in range(self.number - len(self.working))]
        await wait_until_settled(self.deployment, self.working)
        return armed

    async def _wake(self, paused: Sequence[Worker]) -> None:
        """Let them go on, until each has joined the group again."""
        assignments = {worker.name: len(worker.events("shards_assigned")) for worker in paused}
        for worker in paused:
            worker.resume()
        for worker in paused:
            await wait_for_event(worker, "shards_assigned", assignments[worker.name] + 1)

    async def _witness(self, worker: Worker, window: Window, later: list[Window]) -> None:
        """Wait for the worker's death, see what it left, and start another one, which may be the next to die."""

        async def dead() -> bool:
            return not worker.running

        await until(dead, SECONDS)
        self.kills.append(await note_kill(self.deployment, worker, window))
        self.working.remove(worker)
        following = later.pop() if later else None
        successor = self._start(self._point_in(following) if following else "")
        self.working.append(successor)
        if following:
            await self._witness(successor, following, later)

    def _point_in(self, window: Window) -> str:
        return f"{window.point}|{self.random.randint(1, _LATEST_KILL)}"

    def _start(self, crash: str = "") -> Worker:
        return self.deployment.start_worker(crash=crash, chunk_users=self.size.chunk_users)

    def _count_refusals(self, worker: Worker) -> None:
        for event in worker.events("shard_lost"):
            for told in (BY_POSTGRES, BY_KAFKA):
                self.refusals[told] += event["reason"].endswith(told)


async def _fewest_chunks(dsn: str) -> int:
    """Of all shards and ticks: in how many transactions the messages were decided."""
    connection = await asyncpg.connect(dsn)
    try:
        fewest: int = await connection.fetchval(
            """
            SELECT min(chunks) FROM (
                SELECT count(DISTINCT sequence) AS chunks FROM engagement.message GROUP BY shard, decided_at
            ) AS by_tick
            """
        )
    finally:
        await connection.close()
    return fewest
