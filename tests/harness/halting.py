"""What it takes to halt a shard, and to see what became of it."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.records_to_delete import RecordsToDelete

from tests.conditions import eventually
from tests.foreign import read_topic
from tests.harness.deployment import Deployment


async def sql(deployment: Deployment, statement: str, *arguments: object) -> list[asyncpg.Record]:
    """Run one statement on the state."""
    connection = await asyncpg.connect(deployment.dsn, server_settings={"search_path": "engagement"})
    try:
        return await connection.fetch(statement, *arguments)
    finally:
        await connection.close()


async def shard_row(deployment: Deployment, shard: int) -> dict[str, Any]:
    """The shard's row and the sequences of its outbox."""
    [row] = await sql(deployment, "SELECT * FROM shard WHERE shard = $1", shard)
    entries = await sql(deployment, "SELECT sequence FROM outbox WHERE shard = $1 ORDER BY 1", shard)
    return dict(row) | {"outbox": [entry["sequence"] for entry in entries]}


async def halted(deployment: Deployment) -> dict[int, str]:
    """The reasons of the halted shards."""
    rows = await sql(deployment, "SELECT shard, halted_reason FROM shard WHERE halted_reason IS NOT NULL")
    return {row["shard"]: row["halted_reason"] for row in rows}


async def wait_until_halted(deployment: Deployment, *shards: int, seconds: float = 60) -> None:
    """Wait until exactly these shards are halted."""

    async def check() -> None:
        assert set(await halted(deployment)) == set(shards)

    await _eventually(deployment, check, seconds)


async def wait_until_read(deployment: Deployment, *, except_for: int | None = None) -> None:
    """Wait until every shard's position is the end of its partition, but for one."""

    async def check() -> None:
        rows = await sql(deployment, "SELECT shard, position FROM shard ORDER BY shard")
        found = {row["shard"]: max(row["position"], 0) for row in rows}
        expected = await ends(deployment, "activity")
        if except_for is not None:
            expected[except_for] = found[except_for]
        assert found == expected

    await _eventually(deployment, check)


async def ends(deployment: Deployment, role: str, partitions: int | None = None) -> dict[int, int]:
    """The end of each partition of a topic, which has as many as there are shards unless told otherwise."""
    tps = [TopicPartition(deployment.topic(role), number) for number in range(partitions or deployment.partitions)]
    async with AIOKafkaConsumer(bootstrap_servers=deployment.kafka) as consumer:
        return {tp.partition: end for tp, end in (await consumer.end_offsets(tps)).items()}


async def delete_records(deployment: Deployment, role: str, partition: int, before: int) -> None:
    """What retention does."""
    admin = AIOKafkaAdminClient(bootstrap_servers=deployment.kafka)
    await admin.start()
    try:
        tp = TopicPartition(deployment.topic(role), partition)
        await admin.delete_records({tp: RecordsToDelete(before)})
    finally:
        await admin.close()


async def message_ids(deployment: Deployment) -> Counter[str]:
    """How often each message is visible."""
    records = await asyncio.to_thread(read_topic, deployment.kafka, deployment.topic("messages"))
    return Counter(json.loads(record.value or b"")["message_id"] for record in records)


async def recreate_topic(
    deployment: Deployment, role: str, partitions: int | None = None, settings: Mapping[str, str] | None = None
) -> None:
    """Delete a topic and make it anew, without a record and, unless told otherwise, with a partition for each shard."""
    topic = deployment.topic(role)
    admin = AIOKafkaAdminClient(bootstrap_servers=deployment.kafka)
    await admin.start()
    try:
        await admin.delete_topics([topic])

        async def created() -> None:
            new = NewTopic(topic, partitions or deployment.partitions, 1, topic_configs=dict(settings or {}))
            response = await admin.create_topics([new])
            assert [code for _, code, _ in response.topic_errors] == [0]

        await eventually(created)

        async def reaches_nowhere() -> None:
            assert set((await ends(deployment, role, partitions)).values()) == {0}

        await eventually(reaches_nowhere)
    finally:
        await admin.close()


async def _eventually(deployment: Deployment, check: Callable[[], Awaitable[None]], seconds: float = 60) -> None:
    try:
        await eventually(check, seconds)
    except AssertionError as error:
        tails = "\n".join(worker.tail() for worker in deployment.workers)
        raise AssertionError(f"{error}\n{tails}") from None
