"""Every error of the Kafka client becomes one that tells what to do: go on, give up the shard, or stop."""

import inspect

import pytest
from aiokafka import TopicPartition, errors
from aiokafka.errors import (
    BrokerResponseError,
    ConsumerStoppedError,
    IllegalOperation,
    KafkaConnectionError,
    KafkaError,
    ProducerFenced,
    TopicAuthorizationFailedError,
    UnknownError,
)

from adapters.kafka.deadline import translated, within
from domain.errors import EngagementError, MisconfiguredError, OwnershipLostError, TransientError

CLASSES = sorted(
    {
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        # The base of those with a number has none itself.
        if issubclass(kind, KafkaError) and kind is not BrokerResponseError
    },
    key=lambda kind: kind.__name__,
)
LOST = {"ProducerFenced", "InvalidProducerEpoch"}
MISCONFIGURED = {
    "AuthenticationFailedError",
    "AuthenticationMethodNotSupported",
    "ClusterAuthorizationFailedError",
    "GroupAuthorizationFailedError",
    "IncompatibleBrokerVersion",
    "InvalidGroupIdError",
    "InvalidSessionTimeoutError",
    "InvalidTopicError",
    "InvalidTransactionTimeout",
    "MessageSizeTooLargeError",
    "RecordListTooLargeError",
    "SaslAuthenticationFailed",
    "TopicAuthorizationFailedError",
    "TransactionalIdAuthorizationFailed",
    "UnknownTopicOrPartitionError",
    "UnsupportedSaslMechanismError",
}


@pytest.mark.parametrize(
    ("raised", "becomes"),
    [
        (KafkaConnectionError("gone"), TransientError),
        (UnknownError(), TransientError),
        (ConsumerStoppedError(), TransientError),
        # A producer whose sender has died between two batches. No KafkaError, for whatever reason.
        (IllegalOperation("Can't send messages while not in transaction"), TransientError),
        (ConnectionResetError(), TransientError),
        (TimeoutError(), TransientError),
        # What a client says that was started while the broker knew of no brokers, not even of itself.
        (AssertionError("Did we not perform bootstrap?"), TransientError),
        (ProducerFenced(), OwnershipLostError),
        (TopicAuthorizationFailedError("engagement-messages"), MisconfiguredError),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else type(value).__name__,
)
async def test_an_error_is_sorted_and_says_what_could_not_be_done(
    raised: Exception, becomes: type[EngagementError]
) -> None:
    with pytest.raises(becomes, match="could not read the ticks"):
        async with within(10, "read the ticks"):
            raise raised


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_class_of_error_has_its_meaning_and_one_line_whatever_it_is_about(kind: type[KafkaError]) -> None:
    expected: type[EngagementError] = TransientError
    if kind.__name__ in LOST:
        expected = OwnershipLostError
    elif kind.__name__ in MISCONFIGURED:
        expected = MisconfiguredError
    for about in ((), ("a line\nand another",), (TopicPartition("t", 0),), ({"t", "u"},)):
        translation = translated(kind(*about), "read the ticks")
        assert type(translation) is expected
        assert str(translation).startswith("could not read the ticks: ")
        assert "\n" not in str(translation)


def test_the_classes_named_here_are_those_of_the_client() -> None:
    assert {kind.__name__ for kind in CLASSES} >= LOST | MISCONFIGURED
