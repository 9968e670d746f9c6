"""Whether a broker still leads a partition, by the word of its replicas.

A leader that was frozen or cut off goes on believing that it leads, and answers what was waiting for it with the end of
a log that others have long gone on writing. What its successor has acknowledged since then lies in as many replicas as
`min.insync.replicas` says, two of three, and each of these knows the successor: they could not have followed it
otherwise. So of any two replicas one would object.
"""

import asyncio

from aiokafka import AIOKafkaClient, TopicPartition
from aiokafka.cluster import ClusterMetadata
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest


async def is_led_by(client: AIOKafkaClient, tp: TopicPartition, node: int) -> bool:
    """Whether half of the replicas, or more, say so before any of them says otherwise; False too if too few answer."""
    replicas = client.cluster._partitions[tp.topic][tp.partition].replicas  # noqa: SLF001
    agree, needed = 0, (len(replicas) + 1) // 2
    asked = [asyncio.create_task(_leader_by(client, replica, tp)) for replica in replicas]
    try:
        for answer in asyncio.as_completed(asked):
            try:
                leader = await answer
            except (KafkaError, OSError):
                continue
            if leader != node:
                return False
            agree += 1
            if agree == needed:
                return True
        return False
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)


async def _leader_by(client: AIOKafkaClient, replica: int, tp: TopicPartition) -> int | None:
    """Who leads the partition, as the replica knows it."""
    known = ClusterMetadata()
    known.update_metadata(await client.send(replica, MetadataRequest([tp.topic], allow_auto_topic_creation=False)))
    leader: int | None = known.leader_for_partition(tp)
    return leader
