"""Workers that come and go every two seconds, while ticks and activity go on; everything against the oracle.

There are always one to five of them on eight partitions. Most leave when they are asked to, some are killed. Each
tick's cycle has to end before the next tick comes, in the middle of it all. Activity that says nothing new (the oracle
needs to know exactly what a tick sees) flows without a pause, so that every generation of the group has work to do.
"""

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median

import asyncpg

from tests.campaigns import load
from tests.campaigns.ending import Ending, end
from tests.campaigns.generations import Generation, Kept, generations_of, kept_shards, lines_of
from tests.campaigns.holders import wait_until_settled
from tests.campaigns.outcome import Outcome
from tests.harness.deployment import Deployment, Worker
from tests.harness.feed import Feed
from tests.harness.temporary import Services, temporary_deployment
from tests.harness.waiting import wait_until_cycles

PARTITIONS = 8
FEWEST, MOST = 1, 5
SECONDS_BETWEEN = 2.0
# One in four of those who go is killed, which holds the group up for the session timeout: three turns of the storm.
_KILLED_OF = 4
_REPEATS, _REPEAT_SECONDS = 80, 0.1
# In a generation in which somebody owns a shard for so long, something has to be committed: it takes a poll of 0.1 s, a
# fetch and a transaction. To take the first shard over, before, takes a few statements.
SECONDS_TO_GET_ON, SECONDS_TO_TAKE_OVER = 1.5, 5.0


@dataclass(frozen=True, slots=True)
class Size:
    """``turns``: how often somebody comes or goes."""

    users: int
    chunk_users: int
    turns: int


FULL = Size(users=8_000, chunk_users=150, turns=60)
SLICE = Size(users=2_400, chunk_users=60, turns=13)


async def run(services: Services, *, seed: int, full: bool) -> Outcome:
    """The whole storm, and the quiet day behind it."""
    size = FULL if full else SLICE
    deployments = temporary_deployment(services, "storm", partitions=PARTITIONS, variables=load.VARIABLES)
    async with deployments as deployment, Feed(deployment) as feed:
        storm = _Storm(deployment, feed, load.Crowd(size.users, seed), size, random.Random(seed))
        await storm.calm_before()
        begun = datetime.now(UTC)
        async with storm.repeating():
            await asyncio.gather(storm.come_and_go(), storm.tick())
            await storm.calm_after()
        ended = datetime.now(UTC)
        commits = await _commits(deployment)
        ending = await end(deployment, feed, load.THRESHOLDS)
    lines = lines_of(deployment.workers)
    generations = [one for one in generations_of(lines, commits, ended, storm.gone) if one.begun > begun]
    return storm.outcome(ending, generations, kept_shards(lines))


@dataclass
class _Storm:
    deployment: Deployment
    feed: Feed
    crowd: load.Crowd
    size: Size
    random: random.Random
    alive: list[Worker] = field(default_factory=list)
    joined: int = 0
    killed: int = 0
    gone: dict[str, datetime] = field(default_factory=dict)
    leaving: list["asyncio.Task[int]"] = field(default_factory=list)
    over: bool = False
    days: int = 0
    slowest: float = 0.0
    """The longest that a cycle took, in seconds."""
    producing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One call at a time: the order in which records are noted must be that in which they lie in Kafka."""

    async def calm_before(self) -> None:
        """A first cycle, with two workers."""
        self.alive = [self._start(), self._start()]
        await wait_until_settled(self.deployment, self.alive)
        await self._day()

    async def calm_after(self) -> None:
        """When those who are left have settled, a last cycle shows what the storm has left behind."""
        await asyncio.gather(*self.leaving)
        await wait_until_settled(self.deployment, self.alive)
        await self._day()

    async def come_and_go(self) -> None:
        """One worker comes or goes at each turn."""
        begun = time.monotonic()
        for turn in range(self.size.turns):
            # The storm has its own pace, whatever becomes of those who came before.
            await asyncio.sleep(begun + turn * SECONDS_BETWEEN - time.monotonic())
            if len(self.alive) == FEWEST or (len(self.alive) < MOST and self.random.random() < 0.5):
                self.joined += 1
                self.alive.append(self._start())
            else:
                self._dismiss(self.alive.pop(self.random.randrange(len(self.alive))))
        self.over = True

    async def tick(self) -> None:
        """Day after day until the storm is over; each day's cycle has to end."""
        while not self.over:
            await self._day()

    @asynccontextmanager
    async def repeating(self) -> AsyncIterator[None]:
        """Activity that says nothing new, all the while."""
        task = asyncio.create_task(self._repeat(), name="repeat activity")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _repeat(self) -> None:
        while True:
            async with self.producing:
                await self.feed.activity(self.crowd.repeats(_REPEATS))
            await asyncio.sleep(_REPEAT_SECONDS)

    async def _day(self) -> None:
        async with self.producing:
            await self.feed.activity(self.crowd.next_day())
            self.days += 1
            await self.feed.tick(self.crowd.midnight, f"day {self.days}")
        begun = time.monotonic()
        await wait_until_cycles(self.deployment, self.days)
        self.slowest = max(self.slowest, time.monotonic() - begun)

    def _start(self) -> Worker:
        return self.deployment.start_worker(chunk_users=self.size.chunk_users)

    def _dismiss(self, worker: Worker) -> None:
        self.gone[worker.name] = datetime.now(UTC)
        if len(self.gone) % _KILLED_OF == 2:
            self.killed += 1
            worker.kill()
        else:
            self.leaving.append(asyncio.create_task(asyncio.to_thread(worker.stop), name=f"{worker.name} leaves"))

    def outcome(self, ending: Ending, generations: list[Generation], kept: Kept) -> Outcome:
        commits, lived = [one.commits for one in generations], [one.lived for one in generations]
        figures = {
            "ticks": self.days,
            "slowest cycle, seconds": round(self.slowest, 1),
            "messages": sum(ending.messages_by_tick),
            "workers that joined": self.joined,
            "workers that left": len(self.leaving),
            "workers killed": self.killed,
            "generations": len(generations),
            "seconds of a generation": f"{min(lived):.1f} to {max(lived):.1f}",
            "commits in a generation": f"{min(commits)} to {max(commits)}, median {median(commits):g}",
            "without a commit, seconds lived and worked": [
                f"{one.lived:.1f}, {one.worked:.1f}" for one in generations if not one.commits
            ],
            "times that a shard was kept": kept.times,
            "of these, taken over again after a loss": kept.excused,
        }
        not_stopped = [f"a worker that was asked to leave was killed: {task.get_name()}" for task in self._overdue()]
        return Outcome([*_stuck(generations), *kept.for_nothing, *not_stopped, *ending.differences], figures)

    def _overdue(self) -> list["asyncio.Task[int]"]:
        return [task for task in self.leaving if task.result() < 0 and task.result() != -signal.SIGTERM]


def _stuck(generations: Iterable[Generation]) -> list[str]:
    """The generations in which somebody should have got on, and nobody did."""
    return [
        f"from {one.begun} nobody got on for {one.lived:.1f} s, of which somebody owned shards for {one.worked:.1f} s"
        for one in generations
        if not one.commits and (one.worked > SECONDS_TO_GET_ON or one.lived > SECONDS_TO_TAKE_OVER + SECONDS_TO_GET_ON)
    ]


async def _commits(deployment: Deployment) -> list[datetime]:
    """When batches were committed, by the logs, and when chunks were, by Postgres."""
    connection = await asyncpg.connect(deployment.dsn)
    try:
        chunks = await connection.fetch("SELECT DISTINCT shard, sequence, written_at FROM engagement.message")
    finally:
        await connection.close()
    batches = [line.at for line in lines_of(deployment.workers) if line.event == "batch_committed"]
    return sorted([*batches, *(row["written_at"] for row in chunks)])
