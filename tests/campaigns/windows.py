"""The three moments at which a death leaves a shard's entry in another state, and how that shows from outside.

A worker is killed right after an entry was decided (it lies in Postgres only), right after it was sent (it lies in an
open Kafka transaction) or right after that was committed (Kafka holds it, and Postgres doesn't know).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import asyncpg
from aiokafka import TopicPartition

from tests.campaigns.hanging import kafka_reader, open_partitions
from tests.harness.deployment import Deployment, Worker


@dataclass(frozen=True, slots=True)
class ShardLeft:
    """One shard of a dead worker: its begun tick, what Postgres takes for unpublished, and what Kafka holds."""

    begun: str | None
    outbox: frozenset[int]
    sent: int
    """The last marker, whatever becomes of its transaction."""
    published: int
    """The last marker that was committed."""
    open: bool
    """Whether a transaction with a marker of the shard is open."""

    @property
    def unfinished(self) -> bool:
        """Whether somebody else has to finish something."""
        return self.begun is not None or bool(self.outbox)

    @property
    def decided_not_sent(self) -> bool:
        return max(self.outbox, default=0) > self.sent

    @property
    def sent_not_committed(self) -> bool:
        return self.open and self.sent in self.outbox and self.sent > self.published

    @property
    def committed_not_confirmed(self) -> bool:
        return self.published in self.outbox


@dataclass(frozen=True, slots=True)
class Window:
    """``point``: the step and moment of the death. ``shows``: whether a shard is in the state that it leaves behind."""

    name: str
    point: str
    shows: Callable[[ShardLeft], bool]


DECIDED = Window("decided, not sent", "tick 6|after", lambda left: left.decided_not_sent)
SENT = Window("sent, not committed", "publish 2|after", lambda left: left.sent_not_committed)
COMMITTED = Window("committed, not confirmed", "publish 3|after", lambda left: left.committed_not_confirmed)
WINDOWS = (DECIDED, SENT, COMMITTED)


@dataclass(frozen=True, slots=True)
class Kill:
    """A worker that died in a window, and what it left behind, by shard."""

    worker: str
    window: Window
    left: dict[int, ShardLeft]

    @property
    def shortfall(self) -> list[str]:
        """Why this death proves nothing."""
        if any(left.unfinished and self.window.shows(left) for left in self.left.values()):
            return []
        return [f"{self.worker} died, but no shard of it was {self.window.name}: {self.left}"]


async def note_kill(deployment: Deployment, worker: Worker, window: Window) -> Kill:
    """Look at once what the dead worker left behind: the group gives its shards away after the session timeout."""
    assignments = worker.events("shards_assigned")
    held = assignments[-1]["shards"] if assignments else []
    rows = await _rows(deployment.dsn)
    topic = deployment.topic("progress")
    sent, published, unended = await asyncio.gather(
        _markers(deployment, "read_uncommitted"),
        _markers(deployment, "read_committed"),
        open_partitions(deployment.kafka, [topic]),
    )
    left = {
        shard: ShardLeft(*rows[shard], sent.get(shard, 0), published.get(shard, 0), (topic, shard) in unended)
        for shard in held
    }
    return Kill(worker.name, window, left)


async def _rows(dsn: str) -> dict[int, tuple[str | None, frozenset[int]]]:
    """The begun tick and the sequences in the outbox, by shard."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            """
            SELECT shard, begun_tick_id, array(SELECT sequence FROM engagement.outbox WHERE outbox.shard = shard.shard)
            FROM engagement.shard
            """
        )
    finally:
        await connection.close()
    return {shard: (begun, frozenset(sequences)) for shard, begun, sequences in rows}


async def _markers(deployment: Deployment, isolation: str) -> dict[int, int]:
    """The last marker of each shard, as far as a reader of that isolation can read now."""
    topic = deployment.topic("progress")
    async with kafka_reader(deployment.kafka, [topic], isolation) as consumer:
        partitions = [TopicPartition(topic, shard) for shard in range(deployment.partitions)]
        ends = await consumer.end_offsets(partitions)
        markers: dict[int, int] = {}
        while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
            for tp, records in (await consumer.getmany(timeout_ms=100)).items():
                for record in records:
                    if record.key == str(tp.partition).encode():
                        markers[tp.partition] = int(record.value)
    return markers
