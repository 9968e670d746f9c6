"""Only the newest producer of a shard publishes, on a real broker."""

import asyncio
import gc
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.producer import KafkaProducers
from domain.errors import OwnershipLostError
from domain.records import OutgoingRecord
from tests.conditions import until
from tests.contract.kafka.conftest import MakeTopic
from tests.contract.kafka.publishing import numbered, started, values


async def test_a_new_producer_of_the_shard_fences_the_one_before_and_aborts_what_it_left_open(
    connection: KafkaConnection, make_topic: MakeTopic, unique: str
) -> None:
    messages, progress = await make_topic("messages"), await make_topic("progress")
    producers = KafkaProducers(connection, unique, progress)
    async with started(producers) as former:
        await former.begin()
        await former.send(1, [OutgoingRecord(messages, b"k", b"former")])
        async with started(producers) as current:
            with pytest.raises(OwnershipLostError):
                await former.commit()
            assert not former.usable
            await current.begin()
            await current.send(1, [OutgoingRecord(messages, b"k", b"current")])
            await current.commit()
    assert await values(connection, messages) == [b"current"]


async def test_a_fenced_producer_can_not_send_either(
    connection: KafkaConnection, make_topic: MakeTopic, unique: str
) -> None:
    messages, progress = await make_topic("messages"), await make_topic("progress")
    producers = KafkaProducers(connection, unique, progress)
    async with started(producers) as idle, started(producers) as open_:
        await open_.begin()
        async with started(producers):
            with pytest.raises(OwnershipLostError):
                await open_.send(1, [OutgoingRecord(messages, b"k", b"x")])
            await idle.begin()
            with pytest.raises(OwnershipLostError):
                await idle.send_probe()


async def test_a_fenced_producer_leaves_no_forgotten_errors_of_its_batches(
    connection: KafkaConnection, make_topic: MakeTopic, unique: str
) -> None:
    messages, progress = await make_topic("messages"), await make_topic("progress")
    producers = KafkaProducers(connection, unique, progress)
    async with started(producers) as former:
        await former.begin()
        async with started(producers):
            # 3 MB: several batches, of which the second waits while the first fails.
            with pytest.raises(OwnershipLostError):
                await former.send(1, numbered(messages, 300, size=10_000))


async def test_batches_that_are_refused_after_their_send_was_cut_short_leave_no_forgotten_errors(
    connection: KafkaConnection, make_topic: MakeTopic, unique: str
) -> None:
    messages, progress = await make_topic("messages", partitions=4), await make_topic("progress")
    forgotten: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, complaint: forgotten.append(complaint))
    await cut_short_and_refused(KafkaProducers(connection, unique, progress), messages)
    gc.collect()
    asyncio.get_running_loop().set_exception_handler(None)
    assert forgotten == []


async def cut_short_and_refused(producers: KafkaProducers, messages: str) -> None:
    """A send is cancelled, as by the deadline in a process that was paused, and the refusals arrive afterwards."""
    async with started(producers) as former:
        await former.begin()
        await former.send(1, numbered(messages, 200))
        await former.commit()
        await former.begin()
        async with started(producers):
            sending = asyncio.create_task(former.send(2, numbered(messages, 200)))
            # Its batches are handed over within these turns, and nothing has come back from the network.
            for _ in range(3):
                await asyncio.sleep(0)
            sending.cancel()
            await asyncio.wait({sending})
            assert sending.cancelled()

            async def refused() -> bool:
                return former._producer._producer._sender._sender_task.done()  # type: ignore[no-any-return]

            await until(refused)


async def test_producers_of_other_shards_and_groups_go_on(
    connection: KafkaConnection, make_topic: MakeTopic, unique: str
) -> None:
    messages, progress = await make_topic("messages"), await make_topic("progress", partitions=2)
    producers, others = (KafkaProducers(connection, group, progress) for group in (unique, f"{unique}-other"))
    async with started(producers, 0) as first:
        await first.begin()
        await first.send(1, [OutgoingRecord(messages, b"k", b"x")])
        async with started(producers, 1), started(others, 0):
            await first.commit()
    assert await values(connection, messages) == [b"x"]


async def test_an_expired_transaction_counts_as_lost(
    connection: KafkaConnection, make_topic: MakeTopic, unique: str
) -> None:
    """Kafka aborts what its owner left open too long, and the owner finds itself fenced."""
    messages, progress = await make_topic("messages"), await make_topic("progress")
    async with started(KafkaProducers(connection, unique, progress)) as producer:
        await producer.begin()
        await producer.send(1, [OutgoingRecord(messages, b"k", b"x")])
        # Another client takes the transactional id, as Kafka does by itself when the time is over.
        async with AIOKafkaProducer(bootstrap_servers=connection.bootstrap_servers, transactional_id=f"{unique}-0"):
            with pytest.raises(OwnershipLostError):
                await producer.commit()
    assert await values(connection, messages) == []
