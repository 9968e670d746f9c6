"""A broker that was frozen answers, when it wakes up, what was asked before: as a leader that it no longer is."""

import asyncio
from pathlib import Path

from aiokafka import AIOKafkaProducer

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.log import KafkaActivityLog
from tests.conditions import until
from tests.fault.cluster.cluster import three_brokers

RECORDS = 5
# Longer than a session of a broker, an election and some records take, so that the first question is still open then.
PATIENCE_SECONDS = 240.0


async def test_the_end_of_a_shard_is_not_what_a_deposed_leader_takes_for_it(tmp_path: Path) -> None:
    async with three_brokers(tmp_path / "brokers") as cluster:
        for topic in ("activity", "progress"):
            await cluster.create_topic(topic)
        await cluster.wait_until_whole()
        log = KafkaActivityLog(
            KafkaConnection(cluster.direct, timeout_seconds=PATIENCE_SECONDS), "activity", "progress"
        )
        await log.start()
        try:
            assert await log.end(0) == 0
            former = await cluster.leader("activity", 0)
            cluster.brokers[former].freeze()
            asked = asyncio.create_task(log.end(0))

            async def moved() -> bool:
                return await cluster.leader("activity", 0) != former

            await until(moved, PATIENCE_SECONDS)
            async with AIOKafkaProducer(bootstrap_servers=cluster.direct, acks="all") as producer:
                for _ in range(RECORDS):
                    await producer.send_and_wait("activity", b"acknowledged by the successor")
            assert not asked.done()
            await cluster.brokers[former].start()
            assert await asked == RECORDS
        finally:
            await log.stop()
