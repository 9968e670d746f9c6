"""Rounds of activity and ticks while users move: played, noted in their order, and judged."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import asyncpg

from tests.campaigns.ending import complaints
from tests.campaigns.hanging import hanging_transactions
from tests.campaigns.moving import Judged, exact_differences, judge_moves
from tests.conditions import eventually
from tests.differences import misplaced
from tests.foreign import read_topic
from tests.harness.deployment import Deployment
from tests.harness.feed import Feed, Place, by_key, wait_for_cycles
from tests.harness.judgement import read_input
from tests.harness.waiting import SECONDS
from tests.oracle import DEFAULT_LIMITS, Thresholds, Tick, parse_time, read_event, written
from tests.oracle_moves import AskedTick, Mark, Sent, sent


class Rounds:
    """Plays them one after the other: each tick's cycle is waited for before the next tick is produced."""

    def __init__(self, deployment: Deployment, feed: Feed) -> None:
        self.ticks: list[AskedTick] = []
        self._marks: list[Mark] = []
        self._deployment = deployment
        self._feed = feed

    async def tick(self, at: str, meanwhile: Iterable[dict[str, Any]] = (), place: Place = by_key) -> Mapping[str, Any]:
        """A tick, with activity that comes while it is evaluated, if not before or after that; returns its cycle."""
        asked = len(self._feed.produced)
        await self._feed.tick(at)
        await self._feed.activity(meanwhile, place)
        cycle = await self._cycle(at)
        shards = cycle["shards"]["evaluated"] + cycle["shards"]["coalesced"]
        mark = Mark(asked, len(self._feed.produced), shards)
        self.ticks.append(AskedTick(Tick(at, _time(at)), mark))
        self._marks.append(mark)
        return cycle

    async def wait_until_taken_in(self) -> None:
        """Wait until the positions of all shards have reached what was produced."""
        produced = len(self._feed.produced)
        ends: dict[int, int] = {}
        for record in self._feed.produced:
            if record.topic == self._feed.activity_topic:
                ends[record.partition] = record.offset + 1

        async def taken_in() -> None:
            positions = await positions_of(self._deployment)
            behind = {shard: (positions.get(shard), end) for shard, end in ends.items() if positions.get(shard) != end}
            assert not behind, f"positions and ends of shards: {behind}"

        await eventually(taken_in, SECONDS)
        self._marks.append(Mark(produced, produced, max(ends) + 1))

    async def judge(self, thresholds: Thresholds, exact: int) -> tuple[Judged, list[str]]:
        """Stop the workers and look at everything; the last ``exact`` cycles leave no choice.

        Returns what was judged of moves, and every difference.
        """
        await asyncio.to_thread(self._deployment.stop)
        found = [complaint for worker in self._deployment.workers for complaint in complaints(worker)]
        found += await hanging_transactions(self._deployment)
        # In a thread: other campaigns may run beside this one.
        judged, differences = await asyncio.to_thread(self._judge, thresholds, exact)
        return judged, [*found, *differences]

    def _judge(self, thresholds: Thresholds, exact: int) -> tuple[Judged, list[str]]:
        deployment = self._deployment
        users = self._users()
        messages, cycles, letters = (
            read_topic(deployment.kafka, deployment.topic(role)) for role in ("messages", "cycles", "dead-letters")
        )
        judged = judge_moves(users, self.ticks, messages, cycles, thresholds)
        found = [*judged.differences, *misplaced(messages, deployment.partitions)]
        found += [f"there are {len(letters)} dead letters"] if letters else []
        for asked in self.ticks[-exact:]:
            events = {
                user_id: [record.event for record in records if record.at < asked.mark.asked]
                for user_id, records in users.items()
            }
            found += exact_differences(events, asked, messages, cycles, thresholds)
        loose = [index for index in range(-exact, 0) if not judged.exact[index]]
        found += [f"users were still moving at cycle {written(self.ticks[index].tick.at)}" for index in loose]
        return judged, found

    def _users(self) -> dict[str, Sequence[Sent]]:
        """All that lies in the activity topic, by user, in the order of production."""
        moments = {
            (record.partition, record.offset): moment
            for moment, record in enumerate(self._feed.produced)
            if record.topic == self._feed.activity_topic
        }
        users: dict[str, list[Sent]] = {}
        records = read_input(self._deployment, "activity")
        assert len(records) == len(moments), f"{len(records)} records lie in Kafka, {len(moments)} were acknowledged"
        for record in records:
            event = read_event(record, DEFAULT_LIMITS)
            moment = moments[record.partition, record.offset]
            users.setdefault(event.user_id, []).append(sent(moment, record.partition, event, self._marks))
        return {user_id: sorted(records, key=lambda record: record.at) for user_id, records in users.items()}

    async def _cycle(self, at: str) -> Mapping[str, Any]:
        try:
            cycles = await wait_for_cycles(self._deployment, len(self.ticks) + 1, SECONDS)
        except TimeoutError:
            logs = "\n".join(worker.tail() for worker in self._deployment.workers if worker.running)
            raise AssertionError(f"the cycle of {at} did not end within {SECONDS:g} s\n{logs}") from None
        assert cycles[-1]["tick_id"] == at, f"there is a cycle {cycles[-1]} instead of one for {at}"
        return cycles[-1]


async def positions_of(deployment: Deployment) -> dict[int, int]:
    """The stored position of each shard."""
    connection = await asyncpg.connect(deployment.dsn)
    try:
        rows = await connection.fetch("SELECT shard, position FROM engagement.shard")
    finally:
        await connection.close()
    return {row["shard"]: row["position"] for row in rows}


def _time(at: str) -> int:
    moment = parse_time(at)
    assert moment is not None, f"no time: {at}"
    return moment
