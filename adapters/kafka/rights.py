"""What the user of a connection may do with topics, groups and transactional ids, asked without trying any of it."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aiokafka import AIOKafkaClient
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    NodeNotReadyError,
    NoError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.transaction import EndTxnRequest

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.deadline import persistently, within
from adapters.kafka.metadata import client_of, describe_settings
from adapters.kafka.rights_requests import GroupRightsRequest, TopicRightsRequest
from adapters.kafka.topics import TopicNames, opened_admin
from domain.errors import MisconfiguredError

Operation = Literal["Read", "Write", "DescribeConfigs"]
Kind = Literal["topic", "group", "transactional id"]
# The places of Kafka's operations in the numbers by which it says what is allowed.
_BITS = {"Read": 3, "Write": 4, "Describe": 8, "DescribeConfigs": 10}
# A producer id that nobody has: the end of its transaction changes nothing.
_NOBODY = -1


@dataclass(frozen=True, slots=True)
class Right:
    """An operation, in Kafka's own word, on something. A transactional id stands for all that begin like it."""

    operation: Operation
    kind: Kind
    name: str

    def __str__(self) -> str:
        """What to grant."""
        what = f"transactional ids that begin with {self.name!r}" if self.kind == "transactional id" else None
        return f"{self.operation} on the {what or f'{self.kind} {self.name!r}'}"


def rights_of_engine(names: TopicNames, group: str) -> list[Right]:
    """What `engage run` needs."""
    inputs, outputs = (names.activity, names.ticks), (names.messages, names.cycles, names.dead_letters)
    # Its own markers; and ticks that are asked for over HTTP.
    written, read = (*outputs, names.progress, names.ticks), (*inputs, names.progress)
    return [
        *(Right("Read", "topic", topic) for topic in read),
        *(Right("Write", "topic", topic) for topic in written),
        *(Right("DescribeConfigs", "topic", topic) for topic in names.all()),
        Right("Read", "group", group),
        Right("Write", "transactional id", f"{group}-"),
    ]


async def missing_rights(connection: KafkaConnection, needed: Sequence[Right]) -> list[Right]:
    """Those that the user of the connection does not have. Of a topic that isn't there, nobody can tell.

    Raises TransientError, MisconfiguredError.
    """
    async with opened_admin(connection) as admin, within(connection.timeout_seconds, "ask what this user may do"):
        return [right async for right in _missing(admin, needed)]


async def require_rights(connection: KafkaConnection, needed: Sequence[Right]) -> None:
    """Raises MisconfiguredError, a line for each right that is missing; TransientError."""
    missing = await missing_rights(connection, needed)
    if missing:
        raise MisconfiguredError("\n".join(denial(connection, right) for right in missing))


def denial(connection: KafkaConnection, right: Right) -> str:
    """That the right is missing, and what to do, in a line."""
    user = connection.security.username
    grantee = "the user of this client" if user is None else f"User:{user}"
    return f"Kafka denies {right}: grant it to {grantee}"


async def _missing(admin: AIOKafkaAdminClient, needed: Sequence[Right]) -> AsyncIterator[Right]:
    client = client_of(admin)
    allowed: dict[tuple[Kind, str], int | None] = {}
    for topic, bits in (await _topics(client, {right.name for right in needed if right.kind == "topic"})).items():
        allowed["topic", topic] = bits
    for group in {right.name for right in needed if right.kind == "group"}:
        allowed["group", group] = await _group(client, group)
    for right in needed:
        if right.kind == "transactional id":
            if not await _may_write_transactions(client, f"{right.name}0"):
                yield right
            continue
        bits = allowed.get((right.kind, right.name))
        if bits is None or bits >> _BITS[right.operation] & 1:
            continue
        # Who may not describe the topic hears nothing of this one right, which does not take that.
        if bits or right.operation != "DescribeConfigs" or not await _may_read_settings(admin, right.name):
            yield right


async def _topics(client: AIOKafkaClient, topics: Collection[str]) -> dict[str, int | None]:
    """By topic what is allowed."""
    response = await _ask(client, TopicRightsRequest(sorted(topics)))
    return {} if response is None else {topic: _told(code, bits) for code, topic, *_, bits in response.topics}


async def _group(client: AIOKafkaClient, group: str) -> int | None:
    response = await _ask(client, GroupRightsRequest([group]))
    if response is None:
        return None
    ((code, *_, bits),) = response.groups
    return _told(code, bits)


async def _may_read_settings(admin: AIOKafkaAdminClient, topic: str) -> bool:
    try:
        await describe_settings(admin, [topic])
    except UnknownTopicOrPartitionError:
        return True
    except TopicAuthorizationFailedError:
        return False
    return True


async def _may_write_transactions(client: AIOKafkaClient, transactional_id: str) -> bool:
    response = await _ask(client, EndTxnRequest(transactional_id, _NOBODY, _NOBODY, False))  # noqa: FBT003 - aiokafka's
    return response is None or for_code(response.error_code) is not TransactionalIdAuthorizationFailed


def _told(code: int, bits: int) -> int | None:
    """What is allowed; None where the broker doesn't tell."""
    error = for_code(code)
    if error in (TopicAuthorizationFailedError, GroupAuthorizationFailedError):
        return 0
    # A broker that answers at all allows Describe. One that leaves even this out does not know of such questions.
    return bits if error is NoError and bits >> _BITS["Describe"] & 1 else None


async def _ask(client: AIOKafkaClient, request: Any) -> Any:
    """The answer; None from a broker that is too old for the question."""
    node = client.get_random_node()
    if node is None:
        raise NodeNotReadyError("no broker is known yet")
    try:
        return await persistently(lambda: client.send(node, request))
    except NotImplementedError:
        return None
