"""The one place where waiting for Kafka is bounded, and where aiokafka's errors become the domain's."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from aiokafka.errors import (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    ClusterAuthorizationFailedError,
    ConsumerStoppedError,
    GroupAuthorizationFailedError,
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
_REMEDIES: tuple[tuple[tuple[type[KafkaError], ...], str], ...] = (
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
            TopicAuthorizationFailedError,
            GroupAuthorizationFailedError,
            ClusterAuthorizationFailedError,
            TransactionalIdAuthorizationFailed,
        ),
        "Kafka denies the right to it: grant it to the user of this client",
    ),
    (
        (
            AuthenticationFailedError,
            AuthenticationMethodNotSupported,
            SaslAuthenticationFailed,
            UnsupportedSaslMechanismError,
        ),
        "Kafka does not accept the credentials: check them",
    ),
    ((IncompatibleBrokerVersion,), "the brokers are too old or too new for this client"),
    ((InvalidGroupIdError,), "Kafka does not accept the name of the group: correct ENGAGEMENT_CONSUMER_GROUP"),
    (
        (InvalidSessionTimeoutError,),
        "ENGAGEMENT_SESSION_TIMEOUT_SECONDS must lie within the brokers' group.min and group.max.session.timeout.ms",
    ),
    ((InvalidTransactionTimeout,), "the brokers' transaction.max.timeout.ms is too low"),
)
# Nobody is there, or somebody who isn't Kafka.
_AWAY = (KafkaConnectionError, NodeNotReadyError, RequestTimedOutError, OSError, AssertionError)
_REMEDY_AWAY = "start Kafka, or correct ENGAGEMENT_KAFKA_BOOTSTRAP_SERVERS"
# Kafka's errors that aiokafka has no name for, above all 78 (offset not available, just after a leader's election),
# arrive as UnknownError. Asking again is right for the ones that a read can meet.
_RETRY_SECONDS = 0.1


@asynccontextmanager
async def within(seconds: float, doing: str) -> AsyncIterator[None]:
    """Bound what happens inside, and raise only errors of the domain.

    ``doing`` completes "could not ..." and names what is acted upon. Raises OwnershipLostError when a newer producer
    has fenced this one, MisconfiguredError when a repetition can't help, TransientError for the rest. aiokafka shields
    parts of its transactions, so what was under way may still be when the time is over: its client must be discarded.
    """
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            yield
    # A TimeoutError is an OSError. aiokafka asserts, too, what a broker that has just started may not grant: a client
    # that is told of no brokers at all "did not perform bootstrap".
    except (KafkaError, ConsumerStoppedError, OSError, AssertionError) as error:
        if isinstance(error, TimeoutError) and limit.expired():
            text = f"could not {doing}: Kafka did not answer within {seconds:g} s: {_REMEDY_AWAY}"
            raise TransientError(text) from error
        raise translated(error, doing) from error


def translated(error: BaseException, doing: str) -> EngagementError:
    """The error of the domain that tells the caller how to react."""
    # The sender of aiokafka wraps what it did not expect, such as an expired producer id.
    if isinstance(error, _FENCED):
        return OwnershipLostError(f"could not {doing}: a newer producer has taken over")
    for kinds, remedy in _REMEDIES:
        if isinstance(error, kinds):
            return MisconfiguredError(f"could not {doing}: {remedy} ({_described(error)})")
    remedy = f": {_REMEDY_AWAY}" if isinstance(error, _AWAY) else ""
    return TransientError(f"could not {doing}: {_described(error)}{remedy}")


def _described(error: BaseException) -> str:
    """What the error says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__


async def persistently(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask again while the error is one that passes; to be used inside ``within``, which ends it."""
    while True:
        try:
            return await ask()
        except KafkaError as error:
            if not (error.retriable or isinstance(error, UnknownError)):
                raise
        await asyncio.sleep(_RETRY_SECONDS)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it holds; to be used inside ``within``, which ends it."""
    while True:
        if await holds():
            return
        await asyncio.sleep(_RETRY_SECONDS)
