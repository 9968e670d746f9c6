"""Publishing what is decided, exactly once: the outbox, in the order of its sequences, into Kafka.

Publishing sequence s, only when the marker is s - 1:

1. Begin a Kafka transaction on the shard's only producer. Crash after: nothing happened.
2. Send the stored bytes and the marker s; every delivery is awaited and checked. Crash after: Kafka aborts, s is
   above the marker and is sent again.
3. Commit. Crash after: the marker says s, so it is not sent again.
4. Confirm in Postgres. Crash before: the successor reads the marker and confirms.

Initialising the producer comes first (with a non-empty outbox at take-over, else before the first transaction that
may add an entry, and after any error): start it, which fences every other and ends what they left open; make sure the
epoch is still ours; commit a probe; read the marker up to the probe; confirm what is at or below it.
"""

import asyncio
from collections.abc import Sequence

import structlog

from adapters.codec import encode_cycle, unpack_records
from consumer import metrics
from consumer.sent_messages import SentMessages
from consumer.shard import OwnedShard
from consumer.steps import StepHook, step
from domain.cycles import Cycle, cycle_record
from domain.errors import MarkerUnreadableError, ShardHaltedError
from domain.ports import Producers, ShardProducer, ShardTransaction, Store
from domain.records import OutgoingRecord

log = structlog.get_logger()


class Publisher:
    """Publishes one ownership's entries. ``ready`` and ``run`` may be called by different tasks."""

    def __init__(
        self,
        shard: OwnedShard,
        store: Store,
        producers: Producers,
        *,
        cycle_topic: str,
        messages_logged: int,
        hook: StepHook,
    ) -> None:
        self.hook = hook
        self._shard = shard
        self._store = store
        self._producers = producers
        self._cycle_topic = cycle_topic
        self._sent = SentMessages(shard.number, messages_logged)
        self._producer: ShardProducer | None = None
        self._marker = shard.state.confirmed
        self._in_transaction = False
        self._initialising = asyncio.Lock()

    async def ready(self) -> ShardProducer:
        """The producer, initialised. Raises ShardHaltedError when the marker can't be right, OwnershipLostError."""
        async with self._initialising:
            # Inside a transaction the producer can't begin another one, and is ready all the same.
            while self._producer is None or not (self._in_transaction or self._producer.usable):
                await self._initialise()
            return self._producer

    async def run(self) -> None:
        """Publish entries as they are decided, until the shard stops."""
        while not self._shard.stopping:
            await self._shard.wait_until(lambda: self._shard.stopping or self._shard.first_unpublished is not None)
            if not self._shard.stopping:
                await self.publish_first()

    async def publish_first(self) -> None:
        """Publish the first entry and confirm it, or only confirm it where the marker says that Kafka holds it."""
        producer = await self.ready()
        entry = self._shard.take_first()
        if entry is None:
            return
        if entry.sequence != self._marker + 1:
            raise ShardHaltedError(self._shard.number, f"sequence {entry.sequence} follows marker {self._marker}")
        sequence = entry.sequence
        records = unpack_records(entry.payload) if entry.records is None else entry.records
        del entry
        self._in_transaction = True
        with metrics.timed_transaction(metrics.kafka_transaction_duration) as committed:
            await self._begin(producer)
            await self._send(producer, sequence, records)
            await self._commit(producer)
            committed()
        self._in_transaction = False
        self._marker = sequence
        self._sent.published(records)
        del records
        await self._confirm(sequence)

    async def close(self) -> None:
        """Let go of the producer."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.close()

    async def end_tick(self, write: ShardTransaction) -> Cycle | None:
        """Count the shard done in its tick if all of it is published; the record of a cycle that ends goes out.

        The confirm and the last chunk run this, in their transactions.
        """
        cycle = await write.count_done()
        if cycle is not None:
            await self.publish_cycles(write, [cycle])
        return cycle

    async def publish_cycles(self, write: ShardTransaction, cycles: list[Cycle]) -> None:
        """Put the records of ended cycles into the outbox."""
        if cycles:
            await write.add_entry([encode_cycle(cycle, self._cycle_topic) for cycle in cycles])

    @step("initialise")
    async def _initialise(self) -> None:
        await self.close()
        shard = self._shard
        # Asked before too: a former owner that wakes up here would only disturb the new one.
        await self._store.check(shard.ownership)
        producer = self._producer = await self._producers.start(shard.number)
        await self._store.check(shard.ownership)
        marker = await self._read_marker(producer)
        self._marker = marker
        if marker > shard.state.confirmed:
            await self._confirm(marker)

    async def _read_marker(self, producer: ShardProducer) -> int:
        """The marker; one that can't be right halts the shard: Kafka or Postgres was restored or replaced."""
        try:
            marker = await last_marker(self._producers, producer, self._shard.number)
        except MarkerUnreadableError as error:
            raise ShardHaltedError(self._shard.number, str(error)) from error
        state = self._shard.state
        if not state.confirmed <= marker <= state.decided:
            reason = f"the marker is {marker}, but sequences {state.confirmed} to {state.decided} are possible"
            raise ShardHaltedError(self._shard.number, reason)
        return marker

    @step("publish 1")
    async def _begin(self, producer: ShardProducer) -> None:
        await producer.begin()

    @step("publish 2")
    async def _send(self, producer: ShardProducer, sequence: int, records: Sequence[OutgoingRecord]) -> None:
        await producer.send(sequence, records)

    @step("publish 3")
    async def _commit(self, producer: ShardProducer) -> None:
        await producer.commit()

    @step("publish 4")
    async def _confirm(self, sequence: int) -> None:
        async with self._shard.transaction() as write:
            await write.confirm(sequence)
            begun = write.state.begun
            cycle = await self.end_tick(write)
            await self._shard.commit(write)
        # Now that nothing waits for it: a hundred lines take a few milliseconds.
        self._sent.announce()
        if begun is not None and self._shard.state.begun is None:
            self._sent.tick_ended(begun.tick)
        if cycle is not None:
            report_cycle(cycle)


async def last_marker(producers: Producers, producer: ShardProducer, shard: int) -> int:
    """The shard's marker, read behind a probe by its newest producer. Raises MarkerUnreadableError."""
    await producer.begin()
    probe = await producer.send_probe()
    await producer.commit()
    return await producers.marker(shard, probe)


def report_cycle(cycle: Cycle) -> None:
    """One line per cycle, by the worker whose shard was the last to be done with it."""
    metrics.cycles.labels(cycle.status.removeprefix("Cycle ")).inc()
    log.info("cycle_completed", **cycle_record(cycle))
