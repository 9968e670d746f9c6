"""Whether a broker still leads partitions, by the word of their replicas.

A leader that was frozen or cut off goes on believing that it leads, and answers what was waiting for it with the end of
a log that others have long gone on writing. What its successor has acknowledged since then lies in as many replicas as
`min.insync.replicas` says, two of three, and each of these knows the successor: they could not have followed it
otherwise. So of any two replicas one would object.
"""

import asyncio
from collections.abc import Collection

from aiokafka import AIOKafkaClient, TopicPartition
from aiokafka.cluster import ClusterMetadata
from aiokafka.protocol.metadata import MetadataRequest


async def led_by(client: AIOKafkaClient, topic: str, partitions: Collection[int], node: int) -> set[int]:
    """Those of which half of the replicas, or more, say that the node leads before any of them says otherwise.

    One that too few answer for is left out too. Each replica is asked once, for all of its partitions.
    """
    known = client.cluster._partitions.get(topic, {})  # noqa: SLF001 - aiokafka tells nobody of the replicas
    replicas = {number: set(known[number].replicas) for number in partitions if number in known}
    missing = {number: (len(of) + 1) // 2 for number, of in replicas.items()}
    waiting = {asyncio.create_task(_ask(client, replica, topic)) for replica in set().union(*replicas.values())}
    led = set()
    try:
        while waiting and missing:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for replica, says in (task.result() for task in done if task.exception() is None):
                for number in [number for number in missing if replica in replicas[number]]:
                    missing[number] -= 1
                    agrees = says.leader_for_partition(TopicPartition(topic, number)) == node
                    if agrees and missing[number] == 0:
                        led.add(number)
                    if not agrees or missing[number] == 0:
                        del missing[number]
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    return led


async def _ask(client: AIOKafkaClient, replica: int, topic: str) -> tuple[int, ClusterMetadata]:
    """What the replica knows. Raises aiokafka's errors, OSError."""
    known = ClusterMetadata()
    known.update_metadata(await client.send(replica, MetadataRequest([topic], allow_auto_topic_creation=False)))
    return replica, known
