"""Every error of the Kafka client becomes one that tells what to do: go on, give up the shard, or stop."""

import pytest
from aiokafka.errors import (
    ConsumerStoppedError,
    KafkaConnectionError,
    ProducerFenced,
    TopicAuthorizationFailedError,
    UnknownError,
)

from adapters.kafka.deadline import within
from domain.errors import EngagementError, MisconfiguredError, OwnershipLostError, TransientError


@pytest.mark.parametrize(
    ("raised", "becomes"),
    [
        (KafkaConnectionError("gone"), TransientError),
        (UnknownError(), TransientError),
        (ConsumerStoppedError(), TransientError),
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
