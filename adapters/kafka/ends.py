"""The ends of a topic's partitions: one question to a leader answers all who ask for its partitions at once.

All shards of a process begin a tick at the same moment, and each needs its barrier. A broker answers the requests of
one connection one after the other, half a millisecond each.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaClient, TopicPartition
from aiokafka.errors import KafkaError, NoError, for_code
from aiokafka.protocol.offset import OffsetRequest

from adapters.kafka.deadline import look_at, passes
from adapters.kafka.leadership import led_by

# In a request of a client that is no broker; everything that was written, committed or not; the end.
_NO_REPLICA, _READ_UNCOMMITTED, _LATEST = -1, 0, -1
_NO_LEADER = (None, -1)

Answers = Mapping[int, int | KafkaError]


class TopicEnds:
    """Asks on a started client, which must know the topic. For concurrent calls."""

    def __init__(self, client: AIOKafkaClient, topic: str) -> None:
        self._client = client
        self._topic = topic
        # By leader, what it is about to be asked for.
        self._asking: dict[int, tuple[set[int], asyncio.Task[Answers]]] = {}

    async def end(self, partition: int) -> int | None:
        """The high watermark; None when whoever was asked can't tell, or may not lead any more: look anew who does.

        Raises aiokafka's errors that don't pass.
        """
        leader = self._client.cluster.leader_for_partition(TopicPartition(self._topic, partition))
        if leader in _NO_LEADER:
            return None
        partitions, answers = self._asking.get(leader) or self._begin_to_ask(leader)
        partitions.add(partition)
        try:
            # Others wait for it too.
            answer = (await asyncio.shield(answers)).get(partition)
        except KafkaError as error:
            answer = error
        if isinstance(answer, KafkaError):
            if not passes(answer):
                raise answer
            return None
        return answer

    def _begin_to_ask(self, leader: int) -> "tuple[set[int], asyncio.Task[Answers]]":
        partitions: set[int] = set()
        answers = asyncio.create_task(self._ask(leader, partitions))
        answers.add_done_callback(look_at)
        self._asking[leader] = partitions, answers
        return partitions, answers

    async def _ask(self, leader: int, partitions: set[int]) -> Answers:
        # Whoever asks in this turn of the loop comes along.
        await asyncio.sleep(0)
        del self._asking[leader]
        asked = [(self._topic, [(partition, _LATEST) for partition in sorted(partitions)])]
        response = await self._client.send(leader, OffsetRequest(_NO_REPLICA, _READ_UNCOMMITTED, asked))
        answers = {partition: _answer(*values) for _, parts in response.topics for partition, *values in parts}
        ends = [partition for partition, answer in answers.items() if not isinstance(answer, KafkaError)]
        # Afterwards: an answer may have been waiting in a leader that had been deposed meanwhile.
        led = await led_by(self._client, self._topic, ends, leader)
        return {partition: answers[partition] for partition in answers.keys() - (set(ends) - led)}


def _answer(code: int, *values: Any) -> int | KafkaError:
    error = for_code(code)
    return int(values[-1]) if error is NoError else error()
