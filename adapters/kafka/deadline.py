"""The one place where waiting for Kafka is bounded, and where aiokafka's errors become the domain's."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from aiokafka import TopicPartition
from aiokafka.errors import (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    ClusterAuthorizationFailedError,
    ConsumerStoppedError,
    GroupAuthorizationFailedError,
    IllegalOperation,
    IncompatibleBrokerVersion,
    InvalidGroupIdError,
    InvalidProducerEpoch,
    InvalidSessionTimeoutError,
    InvalidTopicError,
    InvalidTransactionTimeout,
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    NodeNotReadyError,
    ProducerFenced,
    RecordListTooLargeError,
    RequestTimedOutError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnknownError,
    UnknownTopicOrPartitionError,
    UnsupportedSaslMechanismError,
)

from domain.errors import EngagementError, MisconfiguredError, OwnershipLostError, TransientError

T = TypeVar("T")

_FENCED = (ProducerFenced, InvalidProducerEpoch)
_REMEDIES: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    (
        (UnknownTopicOrPartitionError, InvalidTopicError),
        "the topic or partition does not exist: `engage init` creates what is missing",
    ),
    (
        (MessageSizeTooLargeError, RecordListTooLargeError),
        "a record is larger than the topic accepts: raise the topic's max.message.bytes",
    ),
    (
        (
            AuthenticationFailedError,
            SaslAuthenticationFailed,
        ),
        "Kafka does not accept the credentials: correct ENGAGEMENT_KAFKA_USERNAME or ENGAGEMENT_KAFKA_PASSWORD",
    ),
    (
        (AuthenticationMethodNotSupported, UnsupportedSaslMechanismError),
        "Kafka does not take logins of this kind: correct ENGAGEMENT_KAFKA_SASL_MECHANISM",
    ),
    (
        (ssl.SSLCertVerificationError,),
        "correct ENGAGEMENT_KAFKA_CA_FILE, or the host in ENGAGEMENT_KAFKA_BOOTSTRAP_SERVERS, or renew the certificate",
    ),
    ((IncompatibleBrokerVersion,), "the brokers are too old or too new for this client"),
    ((InvalidGroupIdError,), "Kafka does not accept the name of the group: correct ENGAGEMENT_CONSUMER_GROUP"),
    (
        (InvalidSessionTimeoutError,),
        "ENGAGEMENT_SESSION_TIMEOUT_SECONDS must lie within the brokers' group.min and group.max.session.timeout.ms",
    ),
    ((InvalidTransactionTimeout,), "the brokers' transaction.max.timeout.ms is too low"),
)
# Of producers without a transactional id; Kafka asks for it on the cluster, of whoever may write to no topic at all.
IDEMPOTENT_WRITE = "IdempotentWrite"
# What a user was denied something on.
_DENIALS: tuple[tuple[type[KafkaError], str], ...] = (
    (TopicAuthorizationFailedError, "topic"),
    (GroupAuthorizationFailedError, "group"),
    (TransactionalIdAuthorizationFailed, "transactional id"),
    (ClusterAuthorizationFailedError, "cluster"),
)
# Nobody is there, or somebody who isn't Kafka.
_AWAY = (KafkaConnectionError, NodeNotReadyError, RequestTimedOutError, OSError, AssertionError)
_REMEDY_AWAY = "start Kafka, or correct ENGAGEMENT_KAFKA_BOOTSTRAP_SERVERS"
# Kafka's errors that aiokafka has no name for, above all 78 (offset not available, just after a leader's election),
# arrive as UnknownError. Asking again is right for the ones that a read can meet.
_RETRY_SECONDS = 0.1


@asynccontextmanager
async def within(seconds: float, doing: str, right: str = "Describe") -> AsyncIterator[None]:
    """Bound what happens inside, and raise only errors of the domain.

    ``doing`` completes "could not ..." and names what is acted upon. ``right``: Kafka's word for the operation that
    the user must have been granted for it. Raises OwnershipLostError when a newer producer has fenced this one,
    MisconfiguredError when a repetition can't help, TransientError for the rest. aiokafka shields parts of its
    transactions, so what was under way may still be when the time is over: its client must be discarded.
    """
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            yield
    # A TimeoutError is an OSError. aiokafka asserts, too, what a broker that has just started may not grant: a client
    # that is told of no brokers at all "did not perform bootstrap". IllegalOperation comes from a producer whose sender
    # has just died, in the turn of the loop before it knows.
    except (KafkaError, ConsumerStoppedError, IllegalOperation, OSError, AssertionError) as error:
        if isinstance(error, TimeoutError) and limit.expired():
            text = f"could not {doing}: Kafka did not answer within {seconds:g} s: {_REMEDY_AWAY}"
            raise TransientError(text) from error
        raise translated(error, doing, right) from error


def translated(error: BaseException, doing: str, right: str = "Describe") -> EngagementError:
    """The error of the domain that tells the caller how to react; see ``within``."""
    # The sender of aiokafka wraps what it did not expect, such as an expired producer id.
    if isinstance(error, _FENCED):
        return OwnershipLostError(f"could not {doing}: a newer producer has taken over")
    for kinds, remedy in _REMEDIES:
        if isinstance(error, kinds):
            return MisconfiguredError(f"could not {doing}: {remedy} ({_described(error)})")
    for kind, resource in _DENIALS:
        if isinstance(error, kind):
            return MisconfiguredError(f"could not {doing}: {denial(right, resource, _names(error))}")
    remedy = f": {_REMEDY_AWAY}" if isinstance(error, _AWAY) else ""
    return TransientError(f"could not {doing}: {_described(error)}{remedy}")


def denial(right: str, resource: str, names: Iterable[str]) -> str:
    """That Kafka does not let this user do something with a topic, say, and the remedy."""
    named = " ".join([resource, ", ".join(map(repr, sorted(names)))]).rstrip()
    if right == IDEMPOTENT_WRITE:
        named += ", which Write on any topic includes"
    return f"Kafka denies {right} on the {named}: grant it to the user of this client (ENGAGEMENT_KAFKA_USERNAME)"


def _names(error: BaseException) -> set[str]:
    """What an error of a denied right is about: aiokafka gives a topic, a partition of it, several topics, or none."""
    about = error.args[0] if error.args else ()
    if isinstance(about, str | TopicPartition):
        about = (about,)
    each = about if isinstance(about, set | frozenset | list | tuple) else ()
    return {name.topic if isinstance(name, TopicPartition) else str(name) for name in each}


def _described(error: BaseException) -> str:
    """What the error says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__


async def persistently(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask again while the error is one that passes; to be used inside ``within``, which ends it."""
    while True:
        try:
            return await ask()
        except KafkaError as error:
            if not passes(error):
                raise
        await asyncio.sleep(_RETRY_SECONDS)


def passes(error: KafkaError) -> bool:
    """Whether asking again may help."""
    return error.retriable or isinstance(error, UnknownError)


def look_at(answer: "asyncio.Future[Any]") -> None:
    """Take note of an error that nobody may be waiting for: asyncio complains of those that nobody has looked at."""
    if not answer.cancelled():
        answer.exception()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it holds; to be used inside ``within``, which ends it."""
    while True:
        if await holds():
            return
        await asyncio.sleep(_RETRY_SECONDS)
