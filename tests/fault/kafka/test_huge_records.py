"""Records of many megabytes, and a batch that grows a thousandfold when it is read: one dead letter for each record.

Memory stays bounded, the worker stays in the group, and its shard goes on.
"""

import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from tests.fault.kafka.topics import opened_admin
from tests.harness.deployment import Deployment, Worker
from tests.harness.feed import Feed, wait_for_cycles
from tests.harness.waiting import stop, wait_for_event, wait_until_cycles

MEGABYTE = 1024 * 1024
LARGEST = 24 * MEGABYTE
# A worker alone takes about 100 MB; the rest is for some copies of what one fetch of the bomb brings.
MOST_MEMORY = 700 * MEGABYTE
BOMB_RECORDS = 64
USER = "u1"
SEED = 3


async def test_huge_records_and_a_compression_bomb_are_dead_letters_and_memory_stays_bounded(
    deployment: Deployment,
) -> None:
    await allow_huge_records(deployment)
    worker = deployment.start_worker()
    await wait_for_event(worker, "shard_taken_over", deployment.partitions)
    async with Feed(deployment) as feed:
        await feed.activity([event(USER)])
        sizes = await produce_huge(deployment)
        await feed.activity([event("u2"), event(USER)])
        await feed.tick("2024-06-01T00:00:00Z")
        await wait_until_cycles(deployment, 1)
    [cycle] = await wait_for_cycles(deployment, 1)
    assert (cycle["messages_sent"], cycle["total_users"]) == (2, 2)
    memory = most_memory(worker)
    assert len(worker.events("shards_assigned")) == 1, "it stayed in the group"
    await stop(worker)
    assert await letters(deployment, sum(sizes.values())) == sizes
    assert memory < MOST_MEMORY


def huge() -> Iterator[bytes]:
    """Of 1, 5 and 20 MiB that no codec makes smaller; an object of a million keys; an event with 1 MiB beside."""
    rng = random.Random(SEED)
    yield from (rng.randbytes(size * MEGABYTE) for size in (1, 5, 20))
    yield json.dumps({f"key{number}": 0 for number in range(1_000_000)}).encode()
    yield json.dumps(event(USER) | {"more": "x" * MEGABYTE}).encode()


async def produce_huge(deployment: Deployment) -> Counter[int]:
    """The huge records, and a compressed batch of many of a mebibyte each; returns how many there are of each size."""
    producer = AIOKafkaProducer(
        bootstrap_servers=deployment.kafka,
        max_request_size=LARGEST,
        max_batch_size=2 * BOMB_RECORDS * MEGABYTE,
        compression_type="zstd",
        enable_idempotence=True,
    )
    topic = deployment.topic("activity")
    sizes: Counter[int] = Counter()
    async with producer:
        for value in huge():
            sizes[len(value)] += 1
            await producer.send_and_wait(topic, value, key=USER.encode())
        placed = await producer.send_and_wait(topic, json.dumps(event(USER)).encode(), key=USER.encode())
        bomb = producer.create_batch()
        for _ in range(BOMB_RECORDS):
            sizes[MEGABYTE] += 1
            bomb.append(timestamp=None, key=USER.encode(), value=bytes(MEGABYTE))
        await (await producer.send_batch(bomb, topic, partition=placed.partition))
    return sizes


async def allow_huge_records(deployment: Deployment) -> None:
    """Activity may be huge, and so may dead letters; the rest of their settings stays as it was."""
    settings = {
        "activity": {"message.timestamp.type": "LogAppendTime", "max.message.bytes": str(LARGEST)},
        "dead-letters": {"max.message.bytes": str(2 * LARGEST)},
    }
    async with opened_admin(deployment.kafka) as admin:
        for role, values in settings.items():
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, deployment.topic(role), values)])


async def letters(deployment: Deployment, number: int) -> Counter[int]:
    """How many dead letters there are of each size; there must not be more of them than the number."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=deployment.kafka, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    sizes: Counter[int] = Counter()
    async with consumer:
        tps = [TopicPartition(deployment.topic("dead-letters"), shard) for shard in range(deployment.partitions)]
        consumer.assign(tps)
        ends = await consumer.end_offsets(tps)
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for records in (await consumer.getmany(*tps, timeout_ms=200)).values():
                sizes.update(len(record.value) for record in records)
    assert sum(sizes.values()) <= number
    return sizes


def most_memory(worker: Worker) -> int:
    """The most bytes that it has ever taken."""
    status = Path(f"/proc/{worker.process.pid}/status").read_text(encoding="ascii")
    [kilobytes] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(kilobytes) * 1024


def event(user: str) -> dict[str, Any]:
    return {"type": "user.active", "user_id": user, "occurred_at": "2024-05-01T00:00:00Z"}
