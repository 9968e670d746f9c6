"""Creating and checking the topics, on a real broker."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.metadata import client_of, describe_settings, describe_topics
from adapters.kafka.topics import (
    Severity,
    TopicChange,
    TopicNames,
    check_topics,
    create_topics,
    largest_messages,
    require_topics,
)
from domain.errors import MisconfiguredError
from tests.contract.kafka.conftest import AddPartitions, MakeTopic


@pytest.fixture
def names(unique: str) -> TopicNames:
    return TopicNames(
        activity=f"{unique}-activity",
        ticks=f"{unique}-ticks",
        messages=f"{unique}-messages",
        cycles=f"{unique}-cycles",
        dead_letters=f"{unique}-dead-letters",
        progress=f"{unique}-progress",
    )


async def partitions(admin: AIOKafkaAdminClient, names: TopicNames) -> dict[str, int]:
    states = await describe_topics(client_of(admin), names.all())
    return {topic: state.partitions for topic, state in states.items()}


async def test_all_six_topics_are_created_as_they_must_be(
    connection: KafkaConnection, admin: AIOKafkaAdminClient, names: TopicNames
) -> None:
    changes = await create_topics(connection, names, 3)
    expected = {
        names.activity: 3,
        names.ticks: 1,
        names.messages: 3,
        names.cycles: 1,
        names.dead_letters: 3,
        names.progress: 3,
    }
    assert {change.topic: change.partitions for change in changes} == expected
    assert await partitions(admin, names) == expected
    settings = await describe_settings(admin, names.all())
    assert settings[names.activity].timestamp_type == settings[names.ticks].timestamp_type == "LogAppendTime"
    assert settings[names.progress].cleanup_policy == "compact"
    assert settings[names.dead_letters].timestamp_type == "CreateTime"
    inputs = settings[names.activity].max_message_bytes
    assert settings[names.dead_letters].max_message_bytes == inputs + 65536
    assert await check_topics(connection, names) == []
    await require_topics(connection, names)


async def test_a_second_time_changes_nothing(connection: KafkaConnection, names: TopicNames) -> None:
    assert len(await create_topics(connection, names, 2, replication_factor=1)) == 6
    assert await create_topics(connection, names, 5, replication_factor=1) == []


async def test_two_at_the_same_time_both_succeed(connection: KafkaConnection, names: TopicNames) -> None:
    first, second = await asyncio.gather(create_topics(connection, names, 2), create_topics(connection, names, 2))
    assert sorted(change.topic for change in first + second) == sorted(names.all())
    assert await check_topics(connection, names) == []


async def test_what_exists_is_left_as_it_is_and_counts(
    connection: KafkaConnection, admin: AIOKafkaAdminClient, make_topic: MakeTopic, names: TopicNames
) -> None:
    await make_topic("activity", partitions=5, max_message_bytes="3000000")
    await make_topic("messages", partitions=1)
    changes = await create_topics(connection, names, 2)
    assert {change.topic for change in changes} == {*names.all()} - {names.activity, names.messages}
    found = await partitions(admin, names)
    assert (found[names.activity], found[names.messages], found[names.progress]) == (5, 1, 5)
    settings = await describe_settings(admin, names.all())
    assert settings[names.activity].timestamp_type == "CreateTime"
    assert settings[names.dead_letters].max_message_bytes == 3_065_536
    assert await largest_messages(connection, [names.dead_letters]) == {names.dead_letters: 3_065_536}


async def test_the_progress_topic_grows_with_the_activity_topic(
    connection: KafkaConnection, admin: AIOKafkaAdminClient, add_partitions: AddPartitions, names: TopicNames
) -> None:
    await create_topics(connection, names, 2)
    await add_partitions(names.activity, 4)
    (problem,) = await check_topics(connection, names)
    assert problem.severity is Severity.GAP
    assert "4 partitions, the progress topic only 2" in problem.text
    await require_topics(connection, names)
    assert await create_topics(connection, names, 2) == [TopicChange(names.progress, 4, extended=True)]
    assert await check_topics(connection, names) == []
    assert (await partitions(admin, names))[names.progress] == 4


async def test_dead_letters_keep_any_time_of_their_record(
    connection: KafkaConnection, producer: AIOKafkaProducer, names: TopicNames
) -> None:
    await create_topics(connection, names, 1)
    for timestamp_ms in (0, 253402300799999):
        await producer.send_and_wait(names.dead_letters, b"x", timestamp_ms=timestamp_ms)


async def test_missing_topics_are_fatal_and_all_named(connection: KafkaConnection, names: TopicNames) -> None:
    problems = await check_topics(connection, names)
    assert [problem.fatal for problem in problems] == [True] * 6
    with pytest.raises(MisconfiguredError) as error:
        await require_topics(connection, names)
    assert all(topic in str(error.value) for topic in names.all())
    assert "engage init" in str(error.value)


async def test_topics_that_break_promises_are_fatal_and_others_worth_a_remark(
    connection: KafkaConnection, make_topic: MakeTopic, names: TopicNames
) -> None:
    await make_topic("activity", partitions=1)
    await make_topic("ticks", partitions=2)
    await make_topic("progress", cleanup_policy="compact,delete")
    await make_topic("dead-letters")
    await create_topics(connection, names, 1)
    problems = await check_topics(connection, names)
    fatal = [problem.text for problem in problems if problem.fatal]
    remarks = [problem.text for problem in problems if problem.severity is Severity.REMARK]
    assert [problem.severity for problem in problems] == sorted(problem.severity for problem in problems)
    assert len(fatal) == 2
    assert "2 partitions and must have exactly 1" in fatal[0]
    assert "cleanup.policy=compact,delete" in fatal[1]
    assert [text.count("CreateTime") for text in remarks] == [1, 1, 0]
    assert "max.message.bytes" in remarks[2]


async def test_more_replicas_than_brokers_are_refused_with_the_brokers_words(
    connection: KafkaConnection, names: TopicNames
) -> None:
    with pytest.raises(MisconfiguredError, match="replication"):
        await create_topics(connection, names, 1, replication_factor=9)


async def test_the_checks_change_nothing(
    connection: KafkaConnection, admin: AIOKafkaAdminClient, names: TopicNames
) -> None:
    await check_topics(connection, names)
    assert await partitions(admin, names) == {}
    resource = ConfigResource(ConfigResourceType.TOPIC, names.activity, {"cleanup.policy": None})
    (response,) = await admin.describe_configs([resource])
    assert [code for code, *_ in response.resources] == [3]
