"""Every error that a broker may answer with becomes one of the domain's, in one clear line, and all works afterwards.

The broker is real, and a proxy before it puts errors into its answers; see ``tests.fault.kafka.liar``.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import pytest

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.event_producer import EventProducer
from adapters.kafka.inspection import group_of
from adapters.kafka.log import KafkaActivityLog
from adapters.kafka.producer import KafkaProducers
from adapters.kafka.ticks import KafkaTickStream
from adapters.kafka.topics import TopicNames, check_topics, create_topics
from domain.errors import MisconfiguredError, OwnershipLostError, TransientError
from domain.records import OutgoingRecord
from tests.contract.kafka.publishing import started
from tests.fault.kafka.liar import Api, lying
from tests.fault.kafka.meeting import (
    COORDINATOR_AWAY,
    DENIED,
    LATER,
    LONG_SECONDS,
    SHORT_SECONDS,
    UNKNOWN,
    Errors,
    difference,
    differences,
)

Action: TypeAlias = Callable[[KafkaConnection, TopicNames], Awaitable[object]]

# Of leaders: not available, another one, too slow, a broken disk, no such partition yet, too old or too new a leader.
ELSEWHERE: Errors = dict.fromkeys((UNKNOWN, 3, 5, 6, 7, 56, 74, 76), TransientError)

PUBLISHING: dict[Api, Errors] = {
    Api.FIND_COORDINATOR: LATER | {53: DENIED},
    Api.INIT_PRODUCER_ID: LATER | {47: OwnershipLostError, 50: MisconfiguredError, 51: TransientError, 53: DENIED},
    # Invalid state, expired id, concurrent transactions, not attempted, fenced by its newer name.
    Api.ADD_PARTITIONS_TO_TXN: LATER
    | {3: TransientError, 29: DENIED, 47: OwnershipLostError, 48: TransientError, 49: TransientError}
    | {51: TransientError, 53: DENIED, 55: TransientError, 120: TransientError},
    # Too large, not enough replicas (before and after appending), order of sequences, unknown producer.
    Api.PRODUCE: ELSEWHERE
    | {2: TransientError, 10: MisconfiguredError, 18: MisconfiguredError, 19: TransientError, 20: TransientError}
    | {21: TransientError, 29: DENIED, 32: TransientError, 45: TransientError, 47: OwnershipLostError}
    | {48: TransientError, 49: TransientError, 59: TransientError, 87: TransientError},
    Api.END_TXN: LATER
    | {47: OwnershipLostError, 48: TransientError, 49: TransientError, 51: TransientError, 53: DENIED},
    Api.LIST_OFFSETS: ELSEWHERE | {29: DENIED, 78: TransientError},
    Api.FETCH: ELSEWHERE | {1: TransientError, 2: TransientError, 29: DENIED},
}
ASKING: dict[Api, Errors] = {
    Api.LIST_OFFSETS: ELSEWHERE | {29: DENIED, 78: TransientError},
    Api.METADATA: {3: MisconfiguredError, 17: MisconfiguredError, 29: DENIED, UNKNOWN: TransientError},
}
TICKING: dict[Api, Errors] = {Api.LIST_OFFSETS: ELSEWHERE | {29: DENIED}, Api.FETCH: {29: DENIED}}
PRODUCING: dict[Api, Errors] = {
    Api.INIT_PRODUCER_ID: {UNKNOWN: TransientError, 15: TransientError, 31: DENIED},
    Api.PRODUCE: ELSEWHERE | {10: MisconfiguredError, 19: TransientError, 29: DENIED, 45: TransientError},
}
DESCRIBING: dict[Api, Errors] = {
    Api.METADATA: {UNKNOWN: TransientError, 29: DENIED},
    Api.DESCRIBE_CONFIGS: {UNKNOWN: TransientError, 7: TransientError, 29: DENIED},
}
GROUPS: dict[Api, Errors] = {
    Api.FIND_COORDINATOR: {COORDINATOR_AWAY: TransientError, 30: DENIED},
    Api.DESCRIBE_GROUPS: LATER | {30: DENIED},
}
RECORD = b"x"


@pytest.fixture(scope="module")
async def names(kafka: str) -> TopicNames:
    """Topics for all of these tests."""
    roles = ("activity", "ticks", "messages", "cycles", "dead_letters", "progress")
    topics = TopicNames(**{role: f"told-{role}" for role in roles})
    await create_topics(KafkaConnection(kafka), topics, 1)
    return topics


async def publish(connection: KafkaConnection, names: TopicNames) -> None:
    """All that a shard does: a transaction, then the marker behind a probe."""
    producers = KafkaProducers(connection, connection.client_id, names.progress)
    async with started(producers) as producer:
        await producer.begin()
        await producer.send(1, [OutgoingRecord(names.messages, b"k", RECORD)])
        await producer.commit()
        await producer.begin()
        probe = await producer.send_probe()
        await producer.commit()
        assert await producers.marker(0, probe) == 1


async def ask_log(connection: KafkaConnection, names: TopicNames) -> None:
    """The extent of the activity topic."""
    log = KafkaActivityLog(connection, names.activity, names.progress)
    try:
        await log.start()
        await log.beginning(0)
        await log.end(0)
        await log.both_ends([0])
    finally:
        await log.stop()


async def follow_ticks(connection: KafkaConnection, names: TopicNames) -> None:
    """The tick topic, from its beginning to its end."""
    ticks = KafkaTickStream(connection, names.ticks)
    try:
        await ticks.start()
        position, end = await ticks.beginning(), await ticks.end()
        while position < end:
            position = (await ticks.poll(position, 0.1)).next_position
    finally:
        await ticks.stop()


async def produce(connection: KafkaConnection, names: TopicNames) -> None:
    """One record, without a transaction."""
    async with EventProducer(connection) as producer:
        await producer.deliver(OutgoingRecord(names.ticks, None, RECORD))


async def describe(connection: KafkaConnection, names: TopicNames) -> None:
    """Whether the topics fit."""
    await check_topics(connection, names)


async def ask_group(connection: KafkaConnection, names: TopicNames) -> None:
    """Who is in the group."""
    await group_of(connection, connection.client_id, names.activity)


CASES: dict[Action, Mapping[Api, Errors]] = {
    publish: PUBLISHING,
    ask_log: ASKING,
    follow_ticks: TICKING,
    produce: PRODUCING,
    describe: DESCRIBING,
    ask_group: GROUPS,
}


@pytest.mark.parametrize("action", CASES, ids=lambda action: action.__name__)
async def test_an_error_that_a_broker_answers_with_becomes_the_domains_and_all_works_afterwards(
    kafka: str, names: TopicNames, unique: str, action: Action
) -> None:
    await produce(KafkaConnection(kafka), names)

    async def meet(api: Api, code: int) -> str | None:
        expected, client = CASES[action][api][code], f"{unique}-{api}-{code}"
        async with lying(kafka) as between:
            seconds = SHORT_SECONDS if expected is TransientError else LONG_SECONDS
            between.tell(api, code)
            wrong = await difference(
                action(KafkaConnection(between.bootstrap_servers, client, seconds), names), expected
            )
            assert between.told > 0
            between.be_honest()
            await action(KafkaConnection(between.bootstrap_servers, client, LONG_SECONDS), names)
            return wrong

    assert await differences(meet, CASES[action]) == {}
