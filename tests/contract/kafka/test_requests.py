"""How often Kafka is asked for the same work: a guard against decay that no noise disturbs."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.conn import AIOKafkaConnection

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.log import KafkaActivityLog
from adapters.kafka.producer import KafkaProducers
from adapters.kafka.ticks import KafkaTickStream
from domain.records import OutgoingRecord
from tests.contract.kafka.conftest import MakeTopic, settled
from tests.contract.kafka.publishing import started

SHARDS = 16
# They depend on time: a consumer goes on fetching, and looks at its topics now and then.
BY_THEMSELVES = {"Fetch", "Heartbeat"}


class Requests(Counter[str]):
    """By kind, since the last call of ``taken``."""

    def taken(self) -> dict[str, int]:
        """Those so far; counting begins anew."""
        counts = {name: count for name, count in self.items() if name not in BY_THEMSELVES}
        self.clear()
        return counts


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Requests:
    """What all clients of this process send from now on."""
    counted = Requests()
    send = AIOKafkaConnection.send

    def counting(self: AIOKafkaConnection, request: Any, *args: Any, **kwargs: Any) -> Any:
        counted[type(request).__name__.partition("Request")[0]] += 1
        return send(self, request, *args, **kwargs)

    monkeypatch.setattr(AIOKafkaConnection, "send", counting)
    return counted


async def test_one_question_to_a_leader_and_one_to_each_replica_give_all_shards_their_barriers(
    connection: KafkaConnection, make_topic: MakeTopic, producer: AIOKafkaProducer, requests: Requests
) -> None:
    activity, progress = await make_topic("activity", SHARDS), await make_topic("progress", SHARDS)
    for shard in range(0, SHARDS, 2):
        await producer.send_and_wait(activity, b"value", partition=shard)
    log = KafkaActivityLog(connection, activity, progress)
    await log.start()
    requests.taken()
    ends = await asyncio.gather(*(log.end(shard) for shard in range(SHARDS)))
    assert requests.taken() == {"Offset": 1, "Metadata": 1}
    assert ends == [1, 0] * (SHARDS // 2)
    assert [await log.end(0), await log.end(1)] == [1, 0]
    assert requests.taken() == {"Offset": 2, "Metadata": 2}
    await log.stop()


async def test_the_end_of_the_ticks_takes_one_request(
    connection: KafkaConnection, make_topic: MakeTopic, requests: Requests
) -> None:
    ticks = KafkaTickStream(connection, await make_topic("ticks"))
    await ticks.start()
    await ticks.end()
    requests.taken()
    await ticks.end()
    assert requests.taken() == {"Offset": 1}
    await ticks.stop()


async def test_an_entry_of_many_messages_takes_as_many_requests_as_one_of_a_few(
    connection: KafkaConnection, make_topic: MakeTopic, unique: str, requests: Requests
) -> None:
    messages, progress = await make_topic("messages", 4), await make_topic("progress")
    async with started(KafkaProducers(connection, unique, progress)) as producer:
        counts = []
        for sequence, count in enumerate((100, 100, 2_000), 1):
            records = [OutgoingRecord(messages, b"%d" % number, b"value") for number in range(count)]
            # Else the first request is repeated until the transaction before has ended.
            await settled(connection, messages)
            requests.taken()
            await producer.begin()
            await producer.send(sequence, records)
            await producer.commit()
            counts.append(requests.taken())
    # To add the partitions, for all batches, to commit; one more where the marker goes by itself.
    assert max(sum(each.values()) for each in counts[1:]) <= 3 + 1, counts
