"""Every error that a member of the consumer group may be answered with: it gets over those that pass.

The broker is real, and a proxy before it puts errors into its answers; see ``tests.fault.kafka.liar``.
"""

import asyncio

import pytest

from adapters.kafka.activity import KafkaActivityStream
from adapters.kafka.connection import KafkaConnection
from adapters.kafka.event_producer import EventProducer
from domain.errors import MisconfiguredError, TransientError
from domain.records import OutgoingRecord
from tests.conditions import until
from tests.contract.kafka.conftest import MakeTopic
from tests.contract.kafka.members import SESSION_TIMEOUT_SECONDS, Member
from tests.fault.kafka.liar import Api, Liar, lying
from tests.fault.kafka.meeting import (
    COORDINATOR_AWAY,
    COORDINATOR_LOADING,
    DENIED,
    LATER,
    LONG_SECONDS,
    NOT_COORDINATOR,
    SHORT_SECONDS,
    Errors,
    difference,
    differences,
)

# What a member of the group meets. Of these it recovers by itself: the coordinator is loading, is away, is another
# one; the member or its generation is unknown; the group is being shared out anew.
PASSING = {
    Api.FIND_COORDINATOR: (COORDINATOR_AWAY,),
    Api.JOIN_GROUP: (COORDINATOR_LOADING, COORDINATOR_AWAY, NOT_COORDINATOR, 25),
    Api.SYNC_GROUP: (COORDINATOR_AWAY, NOT_COORDINATOR, 22, 25, 27),
    Api.HEARTBEAT: (COORDINATOR_AWAY, NOT_COORDINATOR, 22, 25, 27),
    Api.FETCH: (2, 3, 5, 6, 7, 56, 74, 75, 76, 78),
}
# Of these a person must put something right.
LASTING: dict[Api, Errors] = {
    Api.FIND_COORDINATOR: {30: DENIED},
    Api.JOIN_GROUP: {24: MisconfiguredError, 26: MisconfiguredError, 30: DENIED, 23: TransientError},
    Api.HEARTBEAT: {30: DENIED},
    Api.FETCH: {29: DENIED},
}
COMMITTING: Errors = LATER | {
    **dict.fromkeys((12, 22, 25, 27, 28), TransientError),
    29: DENIED,
    30: DENIED,
}


@pytest.fixture
async def topic(kafka: str, make_topic: MakeTopic) -> str:
    """A topic with a record."""
    topic = await make_topic("activity")
    async with EventProducer(KafkaConnection(kafka)) as producer:
        await producer.deliver(OutgoingRecord(topic, None, b"x"))
    return topic


async def test_a_member_of_the_group_gets_over_what_passes(kafka: str, topic: str, unique: str) -> None:
    async def get_over(api: Api, code: int) -> None:
        async with lying(kafka) as between:
            member = await new_member(between, topic, f"{unique}-{api}-{code}")
            try:
                between.tell(api, code, 2)
                await until(lambda: has_told(between, member))
                between.be_honest()
                await until(lambda: reads(member))
            finally:
                await member.stream.stop()

    assert await differences(get_over, PASSING) == {}


async def test_what_a_person_must_put_right_reaches_whoever_polls(kafka: str, topic: str, unique: str) -> None:
    async def meet(api: Api, code: int) -> str | None:
        async with lying(kafka) as between:
            member = await new_member(between, topic, f"{unique}-{api}-{code}")
            between.tell(api, code)
            try:
                return await difference(polls_for_ever(member), LASTING[api][code])
            finally:
                await member.stream.stop()

    assert await differences(meet, LASTING) == {}


async def test_positions_that_the_group_does_not_take_are_an_error_and_are_taken_later(
    kafka: str, topic: str, unique: str
) -> None:
    async def meet(api: Api, code: int) -> str | None:
        async with lying(kafka) as between:
            seconds = SHORT_SECONDS if COMMITTING[code] is TransientError else LONG_SECONDS
            member = await new_member(between, topic, f"{unique}-{code}", seconds)
            try:
                await until(lambda: reads(member))
                between.tell(api, code)
                wrong = await difference(member.stream.note_positions({0: 1}), COMMITTING[code])
                between.be_honest()
                await until(lambda: notes(member))
                return wrong
            finally:
                await member.stream.stop()

    assert await differences(meet, {Api.OFFSET_COMMIT: COMMITTING}) == {}


async def new_member(between: Liar, topic: str, group: str, seconds: float = LONG_SECONDS) -> Member:
    """One that has begun to join."""
    connection = KafkaConnection(between.bootstrap_servers, timeout_seconds=seconds)
    member = Member(KafkaActivityStream(connection, topic, group, SESSION_TIMEOUT_SECONDS))
    await member.stream.start()
    member.stream.join(member.on_revoked, member.on_assigned)
    return member


async def has_told(between: Liar, member: Member) -> bool:
    """Polls, as a service does, until the lie was heard."""
    await reads(member)
    return between.told > 0


async def reads(member: Member) -> bool:
    """Whether the topic's first record can be read; tried with one poll."""
    try:
        member.stream.seek(0, 0)
        return any(batch.records for batch in await member.stream.poll([0], 0.1))
    except TransientError:
        return False


async def polls_for_ever(member: Member) -> None:
    async with asyncio.timeout(20):
        while True:
            member.stream.seek(0, 0)
            await member.stream.poll([0], 0.1)


async def notes(member: Member) -> bool:
    """Whether the group takes a position."""
    try:
        await member.stream.note_positions({0: 1})
    except TransientError:
        await reads(member)
        return False
    return member.stream.is_member
