"""What the brokers say about topics, asked for afresh and without creating anything."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaClient, AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    InvalidTopicError,
    LeaderNotAvailableError,
    NodeNotReadyError,
    NoError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.metadata import MetadataRequest

from domain.errors import MisconfiguredError


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic that exists. ``led`` says whether each of its partitions has a leader at the moment."""

    partitions: int
    led: bool


@dataclass(frozen=True, slots=True)
class TopicSettings:
    """Those of a topic's settings that matter here; given or the brokers' defaults."""

    cleanup_policy: str
    max_message_bytes: int
    timestamp_type: str


# A broker may hear of a new topic or partition a moment after it was created; a second of asking covers that.
_ATTEMPTS_BEFORE_MISSING = 10
_PAUSE_SECONDS = 0.1
_SETTINGS = ("cleanup.policy", "max.message.bytes", "message.timestamp.type")


def client_of(owner: AIOKafkaConsumer | AIOKafkaAdminClient) -> AIOKafkaClient:
    """The owner's client for single requests, which shares its connections. aiokafka keeps it private."""
    return owner._client  # noqa: SLF001


async def describe_topics(client: AIOKafkaClient, topics: Sequence[str]) -> dict[str, TopicState]:
    """Those of the topics that exist. Raises aiokafka's errors."""
    node = client.get_random_node()
    if node is None:
        raise NodeNotReadyError("no broker is known yet")
    # Unlike aiokafka's own metadata requests, this one must not create a topic by asking for it.
    response = await client.send(node, MetadataRequest(list(topics), allow_auto_topic_creation=False))
    found = {}
    for code, topic, _, partitions in response.topics:
        error = for_code(code)
        if error in (UnknownTopicOrPartitionError, InvalidTopicError):
            continue
        if error not in (NoError, LeaderNotAvailableError):
            raise error(topic)
        led = all(leader >= 0 for _, _, leader, *_ in partitions)
        found[topic] = TopicState(len(partitions), led)
    return found


async def describe_settings(admin: AIOKafkaAdminClient, topics: Sequence[str]) -> dict[str, TopicSettings]:
    """The settings of topics that exist. Raises aiokafka's errors."""
    if not topics:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic, dict.fromkeys(_SETTINGS)) for topic in topics]
    found = {}
    for response in await admin.describe_configs(resources):
        for code, _, _, topic, entries in response.resources:
            error = for_code(code)
            if error is not NoError:
                raise error(topic)
            values = {name: value for name, value, *_ in entries}
            found[topic] = TopicSettings(
                values["cleanup.policy"], int(values["max.message.bytes"]), values["message.timestamp.type"]
            )
    return found


async def partition_count(client: AIOKafkaClient, topic: str, at_least: int = 1) -> int:
    """How many partitions the topic has.

    Raises MisconfiguredError when there is no such topic or it has fewer than ``at_least``; aiokafka's errors.
    """
    state = None
    for _ in range(_ATTEMPTS_BEFORE_MISSING):
        state = (await describe_topics(client, [topic])).get(topic)
        if state is not None and state.partitions >= at_least:
            return state.partitions
        await asyncio.sleep(_PAUSE_SECONDS)
    if state is None:
        raise MisconfiguredError(
            f"the topic {topic!r} does not exist: `engage init` creates what is missing, and `engage check` names the"
            " setting"
        )
    raise MisconfiguredError(
        f"the topic {topic!r} has no partition {at_least - 1}: `engage init` extends the progress topic"
    )
