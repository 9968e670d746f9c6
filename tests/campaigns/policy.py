"""Thresholds change under load: from the next tick on everybody is judged by the new ones, and figures stay exact.

All workers restart with other values; they do so back and forth without a tick in between, some of them dying when
everybody has been made due for the new values; they change in the middle of a tick, whose shards then end it with the
values it began with; and old and new values run side by side while workers are replaced one by one.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.campaigns import load
from tests.campaigns.choices import Choices, choices_of
from tests.campaigns.ending import complaints
from tests.campaigns.hanging import hanging_transactions
from tests.campaigns.holders import wait_until_settled
from tests.campaigns.moving import of_messages, too_soon
from tests.campaigns.outcome import Outcome
from tests.differences import differences, misplaced
from tests.foreign import read_topic
from tests.harness.deployment import Deployment, Worker
from tests.harness.feed import Feed
from tests.harness.judgement import expected_by_shard
from tests.harness.temporary import Services, temporary_deployment
from tests.harness.waiting import stop, wait_for_death, wait_for_event, wait_until_cycles
from tests.oracle import DAY, HOUR, Thresholds, barriers_in_order

WORKERS = 2
# Everybody is due for the new values, and no tick is begun; a tick is begun, with more chunks to decide.
_ALL_DUE, _BEGUN = "tick 2|before|1", "tick 6|after|2"


@dataclass(frozen=True, slots=True)
class Size:
    """``rounds``: how often all of it is played."""

    users: int
    partitions: int
    chunk_users: int
    rounds: int


FULL = Size(users=6_000, partitions=8, chunk_users=100, rounds=4)
SLICE = Size(users=300, partitions=4, chunk_users=10, rounds=1)

POLICIES = (
    load.THRESHOLDS,
    Thresholds(inactivity=20 * HOUR, message_frequency=12 * HOUR, dormant=2 * DAY, new_user=3 * DAY),
    Thresholds(inactivity=HOUR // 2, message_frequency=60 * HOUR, dormant=10 * DAY, new_user=HOUR),
)


async def run(services: Services, *, seed: int, full: bool) -> Outcome:
    """All of it in one deployment."""
    size = FULL if full else SLICE
    started = time.monotonic()
    async with temporary_deployment(services, "policy", partitions=size.partitions, variables={}) as deployment:
        async with Feed(deployment) as feed:
            story = _Story(deployment, feed, size, seed)
            for _ in range(size.rounds):
                await story.restart_all()
                await story.back_and_forth()
                await story.restart_within_a_tick()
                await story.replace_one_by_one()
        await asyncio.to_thread(deployment.stop)
        found = [complaint for worker in deployment.workers for complaint in complaints(worker)]
        found += await hanging_transactions(deployment)
        judged = await asyncio.to_thread(story.judge)
    figures = {**judged.figures, "seconds": round(time.monotonic() - started, 1)}
    return Outcome([*found, *judged.differences], figures)


@dataclass
class _Ticks:
    """Offsets of ticks, by what should have become of them."""

    all_alike: dict[int, Thresholds] = field(default_factory=dict)
    mixed: list[int] = field(default_factory=list)


class _Story:
    """A crowd's days. Each begins with the workers of the day before, and ends with a tick and its cycle."""

    def __init__(self, deployment: Deployment, feed: Feed, size: Size, seed: int) -> None:
        self._deployment = deployment
        self._feed = feed
        self._size = size
        self._crowd = load.Crowd(size.users, seed)
        self._random = random.Random(seed)
        self._thresholds: dict[str, Thresholds] = {}
        """By worker."""
        self._policy = POLICIES[0]
        self._present: list[Worker] = []
        self._ticks = _Ticks()

    async def restart_all(self) -> None:
        """The workers take in a part of the day; then all of them restart with other values."""
        early, late = self._day_in_two()
        await self._feed.activity(early)
        await self._restart(self._other())
        await self._feed.activity(late)
        self._ticks.all_alike[await self._evaluate()] = self._policy

    async def back_and_forth(self) -> None:
        """Other values, some activity, and death when all users are due; the old values again, or third ones."""
        early, late = self._day_in_two()
        former = self._policy
        other = self._other()
        await self._restart(other)
        await self._feed.activity(early)
        await self._restart(former)
        await self._feed.activity(late)
        self._ticks.all_alike[await self._evaluate()] = former
        await self._feed.activity(self._crowd.next_day())
        await self._stop()
        offset = await self._feed.tick(self._crowd.midnight)
        await wait_for_death(self._start(other, crash=_ALL_DUE))
        await self._restart(former)
        await self._cycle_of(offset)
        self._ticks.all_alike[offset] = former

    async def restart_within_a_tick(self) -> None:
        """Some shards have begun the tick when the values change, the others have not."""
        await self._feed.activity(self._crowd.next_day())
        await self._stop()
        offset = await self._feed.tick(self._crowd.midnight)
        await wait_for_death(self._start(self._policy, crash=_BEGUN))
        await self._restart(self._other())
        await self._cycle_of(offset)
        self._ticks.mixed.append(offset)
        await self._feed.activity(self._crowd.next_day())
        self._ticks.all_alike[await self._evaluate()] = self._policy

    async def replace_one_by_one(self) -> None:
        """Old values and new ones side by side for a tick or more; the last of the old ones is killed."""
        new = self._other()
        *leaving, last = self._present
        for worker in leaving:
            await self._feed.activity(self._crowd.next_day())
            await self._join(new)
            await stop(worker)
            await self._settle()
            self._ticks.mixed.append(await self._evaluate())
        await self._feed.activity(self._crowd.next_day())
        await self._join(new)
        await asyncio.to_thread(last.kill)
        await self._settle()
        self._ticks.all_alike[await self._evaluate()] = new
        self._policy = new

    def _day_in_two(self) -> tuple[Sequence[load.Event], Sequence[load.Event]]:
        events = self._crowd.next_day()
        self._random.shuffle(events)
        return events[::2], events[1::2]

    def _other(self) -> Thresholds:
        return self._random.choice([policy for policy in POLICIES if policy != self._policy])

    async def _evaluate(self) -> int:
        offset = await self._feed.tick(self._crowd.midnight)
        await self._cycle_of(offset)
        return offset

    async def _cycle_of(self, offset: int) -> None:
        await wait_until_cycles(self._deployment, offset + 1)

    async def _restart(self, policy: Thresholds) -> None:
        """Other workers instead, which have taken over all shards when this returns."""
        await self._stop()
        self._policy = policy
        for _ in range(WORKERS):
            await self._join(policy)
        await self._settle()

    async def _stop(self) -> None:
        for worker in self._present:
            await stop(worker)
        self._present = []

    async def _join(self, policy: Thresholds) -> None:
        worker = self._start(policy)
        self._present.append(worker)
        await wait_for_event(worker, "service_started")

    async def _settle(self) -> None:
        """Wait until those who run hold all shards among them, each some."""
        self._present = [worker for worker in self._present if worker.running]
        await wait_until_settled(self._deployment, self._present)

    def _start(self, policy: Thresholds, crash: str = "") -> Worker:
        self._deployment.variables = variables_of(policy)
        worker = self._deployment.start_worker(crash=crash, chunk_users=self._size.chunk_users)
        self._thresholds[worker.name] = policy
        return worker

    def judge(self) -> Outcome:
        """Every record against the oracle, given whose worker chose which tick; and whether the story was told."""
        deployment = self._deployment
        choices = choices_of(deployment.workers, self._thresholds)
        visible = barriers_in_order(self._feed.produced, deployment.topic("ticks"), deployment.partitions)
        expected = expected_by_shard(deployment, visible, choices)
        messages, cycles, dead_letters = (
            read_topic(deployment.kafka, deployment.topic(role)) for role in ("messages", "cycles", "dead-letters")
        )
        found = differences(expected, messages, cycles, dead_letters)
        found += misplaced(messages, deployment.partitions)
        found += too_soon(of_messages(messages), min(policy.message_frequency for policy in POLICIES))
        found += self._untold(choices)
        return Outcome(
            found,
            {
                "ticks": len(self._ticks.all_alike) + len(self._ticks.mixed),
                "ticks with old and new values": len(self._ticks.mixed),
                "messages": len(messages),
                "workers": len(deployment.workers),
            },
        )

    def _untold(self, choices: Choices) -> list[str]:
        """What should have become of ticks and did not."""
        shards = range(self._deployment.partitions)
        strange = [
            f"not every shard evaluated the tick at {offset} with {policy}"
            for offset, policy in self._ticks.all_alike.items()
            if any(choices(offset, shard) != policy for shard in shards)
        ]
        void = [
            f"the tick at {offset} was evaluated with one policy only, which proves nothing"
            for offset in self._ticks.mixed
            if len({choices(offset, shard) for shard in shards}) < 2
        ]
        return strange + void


def variables_of(policy: Thresholds) -> dict[str, str]:
    """The policy as settings."""
    return {
        "INACTIVITY_THRESHOLD_SECONDS": str(policy.inactivity / HOUR * 3600),
        "MESSAGE_FREQUENCY_HOURS": str(policy.message_frequency / HOUR),
        "DORMANT_THRESHOLD_DAYS": str(policy.dormant / DAY),
        "NEW_USER_THRESHOLD_DAYS": str(policy.new_user / DAY),
    }
