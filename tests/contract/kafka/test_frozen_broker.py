"""No call waits for ever: a broker that is frozen in mid-flight, as by a hanging disk or a lost network.

aiokafka has no deadline of its own, and shields parts of its transactions from cancellation.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest

from adapters.kafka.activity import KafkaActivityStream
from adapters.kafka.connection import KafkaConnection
from adapters.kafka.event_producer import EventProducer
from adapters.kafka.log import KafkaActivityLog
from adapters.kafka.producer import KafkaProducers, KafkaShardProducer
from adapters.kafka.ticks import KafkaTickStream
from adapters.kafka.topic_reader import TopicReader
from adapters.kafka.topics import TopicNames, check_topics, create_topics
from deploy.local.kafka import KafkaBroker
from domain.errors import TransientError
from domain.records import InputRecord, OutgoingRecord, RecordBatch
from tests.conditions import until
from tests.contract.kafka.members import Member

TIMEOUT_SECONDS = 1.5
# Only to fail a call that hangs, whatever the machine is busy with.
_HANGS_SECONDS = 30.0
NAMES = TopicNames(
    activity="activity",
    ticks="ticks",
    messages="messages",
    cycles="cycles",
    dead_letters="dead-letters",
    progress="progress",
)
RECORD = OutgoingRecord("messages", b"k", b"x")
LARGE_RECORD = OutgoingRecord("messages", b"k", Random(1).randbytes(20_000_000))


@dataclass
class Frozen:
    """A broker of this module's own that can be frozen."""

    broker: KafkaBroker
    connection: KafkaConnection

    @contextmanager
    def frozen(self) -> Iterator[None]:
        os.kill(self.broker.pid, signal.SIGSTOP)
        # The signal stops one thread after the other; this returns when none runs any more.
        os.waitid(os.P_PID, self.broker.pid, os.WSTOPPED)
        try:
            yield
        finally:
            os.kill(self.broker.pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    folder: Path = tmp_path_factory.mktemp("kafka")
    broker = KafkaBroker(folder)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
async def own(broker: KafkaBroker) -> Frozen:
    patient = KafkaConnection(broker.bootstrap_servers, timeout_seconds=60.0)
    await create_topics(patient, NAMES, 2)
    # A broker that was frozen for long has lost its session with the controller, and its partitions their leader.
    async with EventProducer(patient) as producer:
        for partition in range(2):
            await producer.deliver(replace(RECORD, partition=partition))
    return Frozen(broker, KafkaConnection(broker.bootstrap_servers, timeout_seconds=TIMEOUT_SECONDS))


async def gives_up(call: Awaitable[object]) -> None:
    async with asyncio.timeout(_HANGS_SECONDS):
        with pytest.raises(TransientError):
            await call


async def ends(call: Awaitable[object]) -> None:
    async with asyncio.timeout(_HANGS_SECONDS):
        await call


async def read_all(records: AsyncIterator[InputRecord]) -> list[InputRecord]:
    return [record async for record in records]


async def test_nothing_can_be_started(own: Frozen) -> None:
    with own.frozen():
        stream = KafkaActivityStream(own.connection, NAMES.activity, "group")
        await gives_up(stream.start())
        await gives_up(KafkaActivityLog(own.connection, NAMES.activity, NAMES.progress).start())
        await gives_up(KafkaTickStream(own.connection, NAMES.ticks).start())
        await gives_up(KafkaProducers(own.connection, "group", NAMES.progress).start(0))
        await gives_up(KafkaProducers(own.connection, "group", NAMES.progress).marker(0, 0))
        await gives_up(EventProducer(own.connection).__aenter__())
        await gives_up(TopicReader(own.connection, NAMES.messages).__aenter__())
        await gives_up(check_topics(own.connection, NAMES))
        await gives_up(create_topics(own.connection, NAMES, 1))


async def test_the_logs_extent_can_not_be_asked_for(own: Frozen) -> None:
    log = KafkaActivityLog(own.connection, NAMES.activity, NAMES.progress)
    await log.start()
    with own.frozen():
        await gives_up(log.shards())
        await gives_up(log.beginning(0))
        await gives_up(log.end(0))
    await ends(log.end(0))
    await ends(log.stop())


async def test_the_client_of_a_log_can_be_let_go(own: Frozen) -> None:
    log = KafkaActivityLog(own.connection, NAMES.activity, NAMES.progress)
    await log.start()
    with own.frozen():
        await gives_up(log.end(0))
        await ends(log.stop())


async def test_ticks_are_not_read_and_polls_return(own: Frozen) -> None:
    ticks = KafkaTickStream(own.connection, NAMES.ticks)
    await ticks.start()
    await ticks.poll(0, 0.1)
    with own.frozen():
        async with asyncio.timeout(_HANGS_SECONDS):
            assert await ticks.poll(0, 0.2) == RecordBatch(NAMES.ticks, 0, 0, 0, ())
        await gives_up(ticks.end())
        await gives_up(ticks.beginning())
        await ends(ticks.stop())


async def test_activity_is_not_read_and_polls_return_and_the_group_can_be_left(own: Frozen) -> None:
    stream = KafkaActivityStream(own.connection, NAMES.activity, "frozen-group")
    member = Member(stream)
    await stream.start()
    stream.join(member.on_revoked, member.on_assigned)
    await member.hears(1)
    stream.seek(0, 0)
    with own.frozen():
        for shards in ([0], []):
            async with asyncio.timeout(_HANGS_SECONDS):
                assert await stream.poll(shards, 0.2) == []
        await ends(stream.stop())


Step = Callable[[KafkaShardProducer], Awaitable[object]]


@pytest.mark.parametrize(
    ("before", "step"),
    [
        pytest.param([], lambda producer: producer.send(1, [RECORD]), id="send"),
        pytest.param([], lambda producer: producer.send(1, [LARGE_RECORD]), id="send more than sockets hold"),
        pytest.param([], lambda producer: producer.send_probe(), id="send_probe"),
        pytest.param([lambda producer: producer.send(1, [RECORD])], lambda producer: producer.commit(), id="commit"),
    ],
)
async def test_a_transaction_is_given_up_and_its_producer_can_be_let_go(
    own: Frozen, before: list[Step], step: Step
) -> None:
    producers = KafkaProducers(KafkaConnection(own.connection.bootstrap_servers), "frozen", NAMES.progress)
    # The first transaction is not the one under test: it takes the client's first look at the topics.
    warm = KafkaProducers(own.connection, "frozen", NAMES.progress)
    producer = await warm.start(0)
    await producer.begin()
    await producer.send(0, [RECORD])
    await producer.commit()
    await producer.begin()
    for earlier in before:
        await earlier(producer)
    with own.frozen():
        await gives_up(step(producer))
        assert not producer.usable
        await ends(producer.close())
    # Kafka is back: the successor ends what was left open, and works.
    successor = await producers.start(0)
    await successor.begin()
    probe = await successor.send_probe()
    await successor.commit()
    assert await producers.marker(0, probe) in (0, 1)
    await successor.close()


@pytest.mark.parametrize("repeated", [False, True], ids=["answered late", "sent again"])
async def test_a_commit_that_may_have_been_sent_twice_uses_the_producer_up(own: Frozen, *, repeated: bool) -> None:
    # A request has half of a call's time: the commit is sent again after 4 s and still ends within 8 s.
    patient = KafkaConnection(own.connection.bootstrap_servers, timeout_seconds=8.0)
    producer = await KafkaProducers(patient, f"twice-{repeated}", NAMES.progress).start(0)
    await producer.begin()
    await producer.send(1, [RECORD])
    [connection] = producer._producer._coordinator_connections()

    async def waits_for_its_answer() -> bool:
        return bool(connection._requests)

    async def timed_out() -> bool:
        return not connection.connected()

    with own.frozen():
        committing = asyncio.create_task(producer.commit())
        await until(timed_out if repeated else waits_for_its_answer)
    await ends(committing)
    assert producer.usable is not repeated
    await producer.close()


async def test_the_commands_clients_give_up(own: Frozen) -> None:
    producer = await EventProducer(own.connection).__aenter__()
    reader = await TopicReader(own.connection, NAMES.messages).__aenter__()
    await producer.deliver(RECORD)
    with own.frozen():
        await producer.send([RECORD])
        await gives_up(producer.flush())
        await gives_up(producer.deliver(RECORD))
        await gives_up(reader.ends())
        await gives_up(read_all(reader.read_to({0: 10**9, 1: 0})))
        await ends(producer.__aexit__(RuntimeError, RuntimeError(), None))
        await ends(reader.__aexit__(None, None, None))
