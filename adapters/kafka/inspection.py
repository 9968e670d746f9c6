"""What operators ask Kafka: who has which shard, how far the topics reach. Nothing is joined, fenced or written."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    NodeNotReadyError,
    NoError,
    TransactionalIdAuthorizationFailed,
    for_code,
)

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.deadline import persistently, within
from adapters.kafka.discard import stop_consumer
from adapters.kafka.markers import read_marker
from adapters.kafka.metadata import client_of, describe_topics
from adapters.kafka.starting import start_client
from adapters.kafka.topics import opened_admin

_TRANSACTION = 1
"""Kafka's number for the coordinators of transactions."""
_SESSION_TIMEOUTS = ("group.min.session.timeout.ms", "group.max.session.timeout.ms")


@dataclass(frozen=True, slots=True)
class Member:
    """A worker as the consumer group knows it: where it connects from, and its id within the group."""

    host: str
    member_id: str


@dataclass(frozen=True, slots=True)
class Group:
    """The consumer group: how many members it has, and who was assigned which partition of the activity topic."""

    members: int
    assigned: Mapping[int, Member]


@dataclass(frozen=True, slots=True)
class Extent:
    """A partition's lowest offset that can still be read, and its end: every acknowledged record lies below."""

    beginning: int
    end: int


async def partition_counts(connection: KafkaConnection, topics: Sequence[str]) -> dict[str, int]:
    """How many partitions those of the topics have that exist. Raises TransientError, MisconfiguredError."""
    async with opened_admin(connection) as admin, within(connection.timeout_seconds, "describe the topics"):
        states = await persistently(lambda: describe_topics(client_of(admin), topics))
    return {topic: state.partitions for topic, state in states.items()}


async def group_of(connection: KafkaConnection, group: str, topic: str) -> Group:
    """The members of the consumer group, none where nobody ever joined. Raises TransientError, MisconfiguredError."""

    async def ask() -> list[tuple[str, str, str, bytes, bytes]]:
        try:
            (response,) = await admin.describe_consumer_groups([group])
        except GroupAuthorizationFailedError as error:
            raise GroupAuthorizationFailedError(group) from error  # of aiokafka's, the argument is a sentence
        ((code, _, _, _, _, members, *_),) = response.groups
        # A coordinator that has just been made does not know at once that it is one.
        if for_code(code) is not NoError:
            raise for_code(code)(group)
        return list(members)

    async with opened_admin(connection) as admin, within(connection.timeout_seconds, f"describe the group {group}"):
        members = await persistently(ask)
    assigned = {
        partition: Member(host.lstrip("/"), member_id)
        for member_id, _, host, _, assignment in members
        for partition in _partitions(assignment, topic)
    }
    return Group(len(members), assigned)


async def session_timeouts(connection: KafkaConnection) -> tuple[timedelta, timedelta]:
    """The shortest and the longest session timeout that a broker allows. Raises TransientError, MisconfiguredError."""
    doing = "read the settings of a broker"
    async with opened_admin(connection) as admin, within(connection.timeout_seconds, doing, "DescribeConfigs"):
        node = client_of(admin).get_random_node()
        if node is None:
            raise NodeNotReadyError("no broker is known yet")
        broker = ConfigResource(ConfigResourceType.BROKER, str(node), dict.fromkeys(_SESSION_TIMEOUTS))
        (response,) = await persistently(lambda: admin.describe_configs([broker]))
        ((code, _, _, _, entries),) = response.resources
        if for_code(code) is not NoError:
            raise for_code(code)(f"broker {node}")
    values = {name: timedelta(milliseconds=int(value)) for name, value, *_ in entries}
    shortest, longest = (values[name] for name in _SESSION_TIMEOUTS)
    return shortest, longest


async def find_transaction_coordinator(connection: KafkaConnection, transactional_id: str) -> None:
    """Make sure that Kafka has one, and lets us know it. Raises TransientError, MisconfiguredError."""
    doing = f"find the coordinator of the transactional id {transactional_id!r}"

    async def ask() -> None:
        try:
            await admin.find_coordinator(transactional_id, _TRANSACTION)
        except TransactionalIdAuthorizationFailed as error:
            raise TransactionalIdAuthorizationFailed(transactional_id) from error

    async with opened_admin(connection) as admin, within(connection.timeout_seconds, doing):
        await persistently(ask)


async def extents(connection: KafkaConnection, topic: str, partitions: Sequence[int]) -> dict[int, Extent]:
    """How far the partitions reach, open transactions included. Raises TransientError, MisconfiguredError."""
    tps = [TopicPartition(topic, partition) for partition in partitions]
    async with _asking(connection, topic, "read_uncommitted") as consumer:
        beginnings = await persistently(lambda: consumer.beginning_offsets(tps))
        ends = await persistently(lambda: consumer.end_offsets(tps))
    return {tp.partition: Extent(beginnings[tp], ends[tp]) for tp in tps}


async def last_marker(connection: KafkaConnection, progress_topic: str, shard: int) -> int:
    """The shard's last marker in Kafka at present, 0 without any, as far as transactions are decided.

    Without a probe, which only an owner writes, a leader that was just replaced may answer with an older one. Raises
    as ``read_marker``.
    """
    tp = TopicPartition(progress_topic, shard)
    async with _asking(connection, progress_topic, "read_committed") as consumer:
        end = (await persistently(lambda: consumer.end_offsets([tp])))[tp]
    return await read_marker(connection, progress_topic, shard, end - 1)


@asynccontextmanager
async def _asking(connection: KafkaConnection, topic: str, isolation: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(**connection.arguments(), isolation_level=isolation, enable_auto_commit=False)
    try:
        async with within(connection.timeout_seconds, f"find out how far {topic} reaches"):
            await start_client(consumer, connection)
            yield consumer
    finally:
        await stop_consumer(consumer, connection.timeout_seconds)


def _partitions(assignment: bytes, topic: str) -> list[int]:
    """The partitions of the topic in a member's assignment, which is empty while the group rebalances."""
    if not assignment:
        return []
    decoded = ConsumerProtocolMemberAssignment.decode(assignment)
    return [partition for name, partitions in decoded.assignment for partition in partitions if name == topic]
