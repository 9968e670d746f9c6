"""Hundreds of ticks wait after a stop: one is evaluated, the others are left out, and nobody gets two messages.

First in peace. Then workers are killed and stopped while they deal with the next backlog, and more ticks come: shards
evaluate different ones, and each partial cycle adds up. Last, a tick comes while another one is evaluated: it waits.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.campaigns import load
from tests.campaigns.choices import choices_of
from tests.campaigns.ending import complaints
from tests.campaigns.hanging import hanging_transactions
from tests.campaigns.moving import of_messages, too_soon
from tests.campaigns.outcome import Outcome
from tests.differences import differences, misplaced
from tests.foreign import read_topic
from tests.harness.deployment import Deployment, Worker
from tests.harness.feed import Feed
from tests.harness.judgement import expected_by_shard
from tests.harness.temporary import Services, temporary_deployment
from tests.harness.waiting import stop, wait_for_death, wait_for_event, wait_for_pause, wait_until_cycles
from tests.oracle import barriers_in_order

_INTERVAL = timedelta(minutes=20)
_TICKS_A_DAY = 72
_DAYS_DOWN = 3
"""So that 216 ticks wait."""
# Chosen in vain; and begun, with more chunks to decide.
_IN_VAIN, _BEGUN = "tick 3|before|1", "tick 6|after|2"


@dataclass(frozen=True, slots=True)
class Size:
    users: int
    partitions: int
    chunk_users: int


FULL = Size(users=8_000, partitions=8, chunk_users=100)
SLICE = Size(users=400, partitions=4, chunk_users=10)


async def run(services: Services, *, seed: int, full: bool) -> Outcome:
    """All three in one deployment."""
    size = FULL if full else SLICE
    started = time.monotonic()
    async with temporary_deployment(
        services, "backlog", partitions=size.partitions, variables=load.VARIABLES
    ) as deployment:
        async with Feed(deployment) as feed:
            backlog = _Backlog(deployment, feed, size, seed)
            await backlog.day_in_peace()
            await backlog.pile_up()
            await backlog.work_in_peace()
            await backlog.die_and_stop_in_between()
            await backlog.tick_while_one_is_evaluated()
        await asyncio.to_thread(deployment.stop)
        found = [complaint for worker in deployment.workers for complaint in complaints(worker)]
        found += await hanging_transactions(deployment)
        judged = await asyncio.to_thread(backlog.judge)
    figures = {**judged.figures, "seconds": round(time.monotonic() - started, 1)}
    return Outcome([*found, *judged.differences], figures)


class _Backlog:
    """A crowd's days, with a tick every twenty minutes."""

    def __init__(self, deployment: Deployment, feed: Feed, size: Size, seed: int) -> None:
        self._deployment = deployment
        self._feed = feed
        self._size = size
        self._crowd = load.Crowd(size.users, seed)
        self._usable: list[int] = []
        """The offsets of all usable ticks."""
        self._piled_up: list[int] = []
        self._waited: tuple[int, int] = (0, 0)
        """The offsets of a tick and of the one that came while it was evaluated."""

    async def day_in_peace(self) -> None:
        await self._feed.activity(self._crowd.next_day())
        self._usable.append(await self._feed.tick(self._crowd.midnight))
        await self._finish()

    async def pile_up(self) -> None:
        """Days of activity, each with its ticks, while nobody works."""
        before = len(self._usable)
        for _ in range(_DAYS_DOWN):
            await self._feed.activity(self._crowd.next_day())
            await self._ticks_of_the_day()
        self._piled_up = self._usable[before:]

    async def work_in_peace(self) -> None:
        await self._finish()

    async def die_and_stop_in_between(self) -> None:
        """More ticks come each time that workers are gone; what happened on their days is only heard of later."""
        await self._feed.activity(self._crowd.next_day())
        await self._ticks_of_the_day()
        dying = [self._start(crash=point) for point in (_BEGUN, _IN_VAIN)]
        for worker in dying:
            await wait_for_death(worker)
        late = self._crowd.next_day()
        await self._ticks_of_the_day()
        await wait_for_death(self._start(crash=_BEGUN))
        late += self._crowd.next_day()
        await self._ticks_of_the_day()
        stopped = self._start()
        await wait_for_event(stopped, "tick_chosen")
        await stop(stopped)
        late += self._crowd.next_day()
        await self._ticks_of_the_day()
        await self._finish()
        await self._feed.activity(late)

    async def tick_while_one_is_evaluated(self) -> None:
        """The worker stands still in the middle of a tick when the next one comes."""
        await self._feed.activity(self._crowd.next_day())
        midnight = datetime.fromisoformat(self._crowd.midnight)
        worker = self._start(crash=f"{_BEGUN}|stop")
        first = await self._feed.tick(_written(midnight - timedelta(hours=2)))
        await wait_for_pause(worker)
        second = await self._feed.tick(_written(midnight))
        worker.resume()
        self._waited = first, second
        self._usable += [first, second]
        await wait_until_cycles(self._deployment, len(self._usable))
        await stop(worker)

    async def _finish(self) -> None:
        """Two workers deal with all that waits."""
        workers = [self._start() for _ in range(2)]
        await wait_until_cycles(self._deployment, len(self._usable))
        for worker in workers:
            await stop(worker)

    def _start(self, crash: str = "") -> Worker:
        return self._deployment.start_worker(crash=crash, chunk_users=self._size.chunk_users)

    async def _ticks_of_the_day(self) -> None:
        """Usable ones, and among them repeated, stale and bad ones."""
        midnight = datetime.fromisoformat(self._crowd.midnight)
        for number in range(_TICKS_A_DAY - 1, -1, -1):
            at = _written(midnight - number * _INTERVAL)
            self._usable.append(await self._feed.tick(at))
            if number % 7 == 0:
                await self._feed.tick(at, "a repeat")
            if number % 11 == 0:
                await self._feed.tick(_written(midnight - (number + 1) * _INTERVAL), "stale")
            if number % 13 == 0:
                await self._feed.tick_record(b"nonsense")

    def judge(self) -> Outcome:
        """Every record against the oracle, given which shard chose which tick; and whether the story was told."""
        deployment = self._deployment
        choices = choices_of(deployment.workers, {worker.name: load.THRESHOLDS for worker in deployment.workers})
        visible = barriers_in_order(self._feed.produced, deployment.topic("ticks"), deployment.partitions)
        expected = expected_by_shard(deployment, visible, choices)
        messages, cycles, dead_letters = (
            read_topic(deployment.kafka, deployment.topic(role)) for role in ("messages", "cycles", "dead-letters")
        )
        evaluating = {offset: choices.evaluating(offset, range(deployment.partitions)) for offset in self._usable}
        found = differences(expected, messages, cycles, dead_letters)
        found += misplaced(messages, deployment.partitions)
        found += too_soon(of_messages(messages), load.THRESHOLDS.message_frequency)
        found += self._untold(evaluating)
        partial = [len(shards) for shards in evaluating.values() if 0 < len(shards) < deployment.partitions]
        return Outcome(
            found,
            {
                "ticks that waited": len(self._piled_up),
                "cycles": dict(Counter(json.loads(record.value or b"{}")["status"] for record in cycles)),
                f"shards of {deployment.partitions} that evaluated partial cycles": partial,
                "messages": len(messages),
                "dead letters": len(dead_letters),
            },
        )

    def _untold(self, evaluating: Mapping[int, Sequence[int]]) -> list[str]:
        """What should have happened to ticks and did not, by the shards that evaluated each of them."""
        every = list(range(self._deployment.partitions))
        *left_out, newest = self._piled_up
        first, second = self._waited
        found = [
            f"the tick at {offset} was evaluated, and newer ones waited" for offset in left_out if evaluating[offset]
        ]
        if evaluating[newest] != every:
            found.append(f"only {evaluating[newest]} evaluated the newest tick that waited")
        if all(len(shards) in (0, len(every)) for shards in evaluating.values()):
            found.append("no cycle was partial, which proves nothing")
        if not evaluating[first] or evaluating[second] != every:
            found.append(f"{evaluating[first]} evaluated one tick, and {evaluating[second]} that which came meanwhile")
        return found


def _written(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
