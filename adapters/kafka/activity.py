"""The activity topic as a member of the consumer group reads it: ``ActivityStream``."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import OffsetOutOfRangeError

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.deadline import persistently, within
from adapters.kafka.discard import stop_consumer
from adapters.kafka.lenient import fetch_leniently
from adapters.kafka.metadata import client_of, partition_count
from adapters.kafka.raw_fetching import fetch_raw
from adapters.kafka.starting import start_client
from domain.errors import PositionGoneError
from domain.ports import AssignmentListener
from domain.records import RawRecord, RecordBatch

MOST_RECORDS = 10_000
# What one fetch brings at most: per partition, so that a busy one leaves room for the others, and in all. Kafka
# returns a batch that is larger than either whole, so no record can get stuck.
_PARTITION_FETCH_BYTES = 2 * 1024 * 1024
_FETCH_BYTES = 8 * 1024 * 1024
_HEARTBEAT_MS = 1_000
# aiokafka leaves the group for good when nobody polls for so long. Polls that hang are the watchdog's business.
POLL_INTERVAL_SECONDS = 24 * 60 * 60.0
# The coordinator holds the answer to a join until the members have joined, at most the rebalance timeout (which is the
# session timeout); the request must outlive that.
_JOIN_MARGIN_MS = 5_000
# While the group rebalances, aiokafka's poll waits for the assignment and forgets its timeout: it is cut off then.
_POLL_GRACE_SECONDS = 0.5


class KafkaActivityStream:
    """Reads only committed records, and of each shard only what was sought for.

    A shard that was just assigned is parked. A position never moves by itself: one that is not in the log any more is
    an error, since going on elsewhere would skip records without a word. For use by one task at a time.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        topic: str,
        group: str,
        session_timeout_seconds: float = 10.0,
        poll_interval_seconds: float = POLL_INTERVAL_SECONDS,
    ) -> None:
        self._connection = connection
        self._topic = topic
        # No partition has this number. Polling for it returns nothing and keeps the membership alive, while an empty
        # argument list would mean all partitions.
        self._nobodys = TopicPartition(topic, -1)
        # None between a revocation and the next assignment, when aiokafka still believes in the old one.
        self._assigned: frozenset[int] | None = None
        # Of each shard that was sought: where the caller knows reading to be. While no poll runs, it is there.
        self._positions: dict[int, int] = {}
        session_timeout_ms = round(session_timeout_seconds * 1_000)
        request_timeout_ms = max(connection.request_timeout_ms, session_timeout_ms + _JOIN_MARGIN_MS)
        self._consumer = AIOKafkaConsumer(
            **connection.arguments() | {"request_timeout_ms": request_timeout_ms},
            group_id=group,
            # Exactly one: with two, aiokafka joins twice for each rebalance.
            partition_assignment_strategy=(RoundRobinPartitionAssignor,),
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
            session_timeout_ms=session_timeout_ms,
            heartbeat_interval_ms=_HEARTBEAT_MS,
            max_poll_interval_ms=round(poll_interval_seconds * 1_000),
            max_partition_fetch_bytes=_PARTITION_FETCH_BYTES,
            fetch_max_bytes=_FETCH_BYTES,
        )

    async def start(self) -> None:
        """Connect. Raises TransientError; MisconfiguredError when the topic is missing. After either, make another."""
        try:
            async with within(self._connection.timeout_seconds, f"subscribe to {self._topic}", "Read"):
                await start_client(self._consumer, self._connection)
                fetch_raw(self._consumer)
                await persistently(lambda: partition_count(client_of(self._consumer), self._topic))
        except BaseException:
            await self.stop()
            raise

    def join(self, on_revoked: AssignmentListener, on_assigned: AssignmentListener) -> None:
        """Begin to join the group, for as long as that takes; each assignment arrives through the listener."""
        listener = _Listener(self._forget_assignment, self._note_assignment, on_revoked, on_assigned)
        self._consumer.subscribe([self._topic], listener=listener)

    @property
    def is_member(self) -> bool:
        """Whether an assignment is in force, be it of no shards: the client has joined and isn't joining again."""
        return self._assigned is not None

    async def poll(self, shards: Collection[int], timeout_seconds: float) -> list[RecordBatch]:
        """What was fetched of the given shards, at most 10,000 records; see the port.

        Shards that were not sought, or were taken away meanwhile, are left out. Raises PositionGoneError, after
        parking that shard; TransientError, also when the client is out of the group for good. After an error every
        shard goes on from where it was.
        """
        wanted = [TopicPartition(self._topic, shard) for shard in shards if shard in self._positions]
        delivered = False
        try:
            async with within(self._connection.timeout_seconds + timeout_seconds, f"read {self._topic}", "Read"):
                records = await self._read(wanted, timeout_seconds)
                batches = await self._batches(wanted, records)
                delivered = True
            return batches
        finally:
            if not delivered:
                # Records of one shard may have been taken out before another one failed.
                self._rewind(wanted)

    async def _read(
        self, wanted: Sequence[TopicPartition], timeout_seconds: float
    ) -> dict[TopicPartition, list[RawRecord]]:
        try:
            try:
                return await self._getmany(wanted, timeout_seconds)
            except UnicodeDecodeError:
                return await self._fetch_leniently(wanted)
        except OffsetOutOfRangeError as error:
            ((tp, position),) = error.args[0].items()
            self.park(tp.partition)
            raise PositionGoneError(tp.partition, position) from error

    async def _getmany(
        self, wanted: Sequence[TopicPartition], timeout_seconds: float
    ) -> dict[TopicPartition, list[RawRecord]]:
        try:
            async with asyncio.timeout(timeout_seconds + _POLL_GRACE_SECONDS):
                return await self._consumer.getmany(  # type: ignore[no-any-return]  # aiokafka has no types
                    *(wanted or [self._nobodys]), timeout_ms=round(timeout_seconds * 1_000), max_records=MOST_RECORDS
                )
        except TimeoutError:
            self._rewind(wanted)
            return {}

    async def _fetch_leniently(self, wanted: Sequence[TopicPartition]) -> dict[TopicPartition, list[RawRecord]]:
        records = {}
        for tp in wanted:
            position = self._positions.get(tp.partition)
            if position is None:
                continue
            found, next_position = await fetch_leniently(self._consumer, tp, position)
            if self._positions.get(tp.partition) == position:
                self._consumer.seek(tp, next_position)
                records[tp] = found
        return records

    async def _batches(
        self, wanted: Sequence[TopicPartition], records: dict[TopicPartition, list[RawRecord]]
    ) -> list[RecordBatch]:
        batches = []
        for tp in wanted:
            position = self._positions.get(tp.partition)
            if position is None:
                continue
            # Waits for nothing: a shard that was sought has a position.
            next_position = await self._consumer.position(tp)
            if next_position != position:
                self._positions[tp.partition] = next_position
                batches.append(RecordBatch(tp.topic, tp.partition, position, next_position, records.get(tp, ())))
        return batches

    def _rewind(self, wanted: Sequence[TopicPartition]) -> None:
        for tp in wanted:
            if tp.partition in self._positions:
                self._consumer.seek(tp, self._positions[tp.partition])

    def seek(self, shard: int, position: int) -> bool:
        """Let the next poll of the shard start at ``position``; False when the shard isn't assigned any more."""
        if shard not in (self._assigned or ()):
            return False
        tp = TopicPartition(self._topic, shard)
        self._consumer.seek(tp, position)
        self._consumer.resume(tp)
        self._positions[shard] = position
        return True

    def park(self, shard: int) -> None:
        """Fetch nothing for the shard until the next ``seek``. Nothing happens when it isn't assigned."""
        self._positions.pop(shard, None)
        if shard in (self._assigned or ()):
            self._consumer.pause(TopicPartition(self._topic, shard))

    async def note_positions(self, positions: Mapping[int, int]) -> None:
        """Commit the positions of assigned shards to the group. Raises TransientError, MisconfiguredError."""
        assigned = self._assigned or frozenset()
        offsets = {TopicPartition(self._topic, shard): positions[shard] for shard in positions if shard in assigned}
        if offsets:
            async with within(self._connection.timeout_seconds, f"commit offsets of {self._topic}", "Read"):
                await self._consumer.commit(offsets)

    async def stop(self) -> None:
        """Leave the group, in bounded time. May be called at any time, and again."""
        self._forget_assignment()
        await stop_consumer(self._consumer, self._connection.timeout_seconds)

    def _forget_assignment(self) -> None:
        self._assigned = None
        self._positions.clear()

    def _note_assignment(self, shards: frozenset[int]) -> None:
        self._assigned = shards
        for shard in shards:
            self.park(shard)
            # Any position will do. For a partition without one aiokafka asks the group, which may know none; when its
            # leader changes meanwhile, it asks once more, and the second such answer ends its reading for good.
            self._consumer.seek(TopicPartition(self._topic, shard), 0)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Keeps the stream's own view of the assignment right before the caller hears of a change."""

    def __init__(
        self,
        forget: Callable[[], None],
        note: Callable[[frozenset[int]], None],
        on_revoked: AssignmentListener,
        on_assigned: AssignmentListener,
    ) -> None:
        self._forget = forget
        self._note = note
        self._on_revoked = on_revoked
        self._on_assigned = on_assigned

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        # Eager protocol: every rebalance takes all partitions away first.
        self._forget()
        if revoked:
            await self._on_revoked(frozenset(tp.partition for tp in revoked))

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        shards = frozenset(tp.partition for tp in assigned)
        self._note(shards)
        await self._on_assigned(shards)
