"""The extent of the activity topic: ``ActivityLog`` by list-offsets requests."""

import asyncio
from collections.abc import Collection

from aiokafka import AIOKafkaConsumer, TopicPartition

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.deadline import persistently, within
from adapters.kafka.discard import stop_consumer
from adapters.kafka.ends import TopicEnds
from adapters.kafka.metadata import client_of, partition_count
from adapters.kafka.starting import start_client

# Until those who know better are asked again.
_PAUSE_SECONDS = 0.1


class KafkaActivityLog:
    """Asks the leaders of the partitions at each call. One instance serves concurrent calls."""

    def __init__(self, connection: KafkaConnection, topic: str, progress_topic: str) -> None:
        self._connection = connection
        self._topic = topic
        self._progress_topic = progress_topic
        # read_uncommitted: under read_committed the end would be the last stable offset, below which acknowledged
        # records may be missing.
        self._consumer = _consumer(connection, "read_uncommitted")
        self._stable = _consumer(connection, "read_committed")
        self._ends = TopicEnds(client_of(self._consumer), topic)

    async def start(self) -> None:
        """Connect. Raises TransientError; MisconfiguredError when a topic is missing. After either, make a new one."""
        try:
            async with within(self._connection.timeout_seconds, f"connect to {self._connection.bootstrap_servers}"):
                await start_client(self._consumer, self._connection)
                await start_client(self._stable, self._connection)
            await self.shards()
            async with within(self._connection.timeout_seconds, f"find the leaders of {self._topic}"):
                await client_of(self._consumer).add_topic(self._topic)
        except BaseException:
            await self.stop()
            raise

    async def shards(self) -> int:
        """The smaller of the activity's and the progress topic's partition counts.

        Raises TransientError; MisconfiguredError when a topic is missing.
        """
        client = client_of(self._consumer)
        async with within(self._connection.timeout_seconds, f"count the partitions of {self._topic}"):
            activity = await persistently(lambda: partition_count(client, self._topic))
            progress = await persistently(lambda: partition_count(client, self._progress_topic))
        return min(activity, progress)

    async def beginning(self, shard: int) -> int:
        """The lowest offset that can still be read. Raises TransientError."""
        tp = TopicPartition(self._topic, shard)
        async with within(self._connection.timeout_seconds, f"find the beginning of {self._topic}-{shard}"):
            offsets = await persistently(lambda: self._consumer.beginning_offsets([tp]))
        return int(offsets[tp])

    async def end(self, shard: int) -> int:
        """The high watermark, open transactions included: whatever was acknowledged before the call lies below it.

        Raises TransientError.
        """
        client = client_of(self._consumer)
        async with within(self._connection.timeout_seconds, f"find the end of {self._topic}-{shard}"):
            while (end := await self._ends.end(shard)) is None:
                await client.force_metadata_update()
                await asyncio.sleep(_PAUSE_SECONDS)
        return end

    async def both_ends(self, shards: Collection[int]) -> dict[int, tuple[int, int]]:
        """Of each shard, last stable offset and high watermark. Raises TransientError."""
        tps = [TopicPartition(self._topic, shard) for shard in shards]
        async with within(self._connection.timeout_seconds, f"find the ends of {self._topic}"):
            # In this order: what is stable at first lies below the high watermark then.
            stable = await persistently(lambda: self._stable.end_offsets(tps))
            high = await persistently(lambda: self._consumer.end_offsets(tps))
        return {tp.partition: (int(stable[tp]), int(high[tp])) for tp in tps}

    async def stop(self) -> None:
        """Let go of the connections. May be called at any time, and again."""
        for consumer in (self._consumer, self._stable):
            await stop_consumer(consumer, self._connection.timeout_seconds)


def _consumer(connection: KafkaConnection, isolation_level: str) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(**connection.arguments(), isolation_level=isolation_level, enable_auto_commit=False)
