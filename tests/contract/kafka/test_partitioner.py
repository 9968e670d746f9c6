"""Where outgoing records go, compared with two implementations that others use."""

import asyncio
import subprocess

from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.partitioner import partition_for
from adapters.kafka.producer import KafkaProducers
from domain.records import OutgoingRecord
from tests.contract.kafka.conftest import MakeTopic, settled
from tests.foreign import read_topic


@given(key=st.binary(max_size=200), partitions=st.integers(1, 200))
def test_a_key_goes_where_kafkas_default_partitioner_puts_it(key: bytes, partitions: int) -> None:
    numbers = list(range(partitions))
    assert partition_for(key, partitions) == DefaultPartitioner()(key, numbers, numbers)


def test_a_record_without_key_goes_to_the_first_partition() -> None:
    assert partition_for(None, 7) == 0


async def test_records_join_those_of_their_key_that_another_client_produced(
    connection: KafkaConnection, make_topic: MakeTopic, unique: str
) -> None:
    messages, progress = await make_topic("messages", partitions=7), await make_topic("progress")
    keys = [f"user-{number}-ü" for number in range(50)]
    producer = await KafkaProducers(connection, unique, progress).start(0)
    try:
        await producer.begin()
        await producer.send(1, [OutgoingRecord(messages, key.encode(), b"ours") for key in keys])
        await producer.commit()
    finally:
        await producer.close()
    await settled(connection, messages)
    command = ["kcat", "-P", "-b", connection.bootstrap_servers, "-t", messages, "-K", "|"]
    lines = "\n".join(f"{key}|theirs" for key in keys).encode()
    await asyncio.to_thread(
        subprocess.run, [*command, "-X", "partitioner=murmur2"], input=lines, check=True, capture_output=True
    )
    places: dict[bytes | None, set[int]] = {}
    records = await asyncio.to_thread(read_topic, connection.bootstrap_servers, messages)
    for record in records:
        places.setdefault(record.key, set()).add(record.partition)
    assert len(records) == 2 * len(keys)
    assert {len(partitions) for partitions in places.values()} == {1}
    assert len(set.union(*places.values())) > 1
