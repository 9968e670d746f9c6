"""The judgement on a deployment: its output topics against the oracle, all of it read by a client that isn't ours."""

from collections.abc import Callable, Collection, Mapping

from tests.differences import differences
from tests.foreign import ForeignRecord, read_topic
from tests.harness.deployment import Deployment
from tests.oracle import Expected, InputRecord, Thresholds, Treatment, everywhere, expect_by_shard

Visible = Callable[[InputRecord], Mapping[int, int]]


def expected_by_shard(deployment: Deployment, visible: Visible, treatment: Treatment) -> Expected:
    """What the engine should have published, given the input topics as they lie in Kafka.

    ``treatment``: what each shard did with each tick, for what its workers chose.
    """
    return expect_by_shard(read_input(deployment, "activity"), read_input(deployment, "ticks"), visible, treatment)


def expected_of(
    deployment: Deployment, visible: Visible, thresholds: Thresholds, coalesced: Collection[int] = ()
) -> Expected:
    """What the engine should have published when every shard leaves the ticks at the offsets ``coalesced`` out."""
    return expected_by_shard(deployment, visible, everywhere(thresholds, coalesced))


def judge_by_shard(deployment: Deployment, visible: Visible, treatment: Treatment) -> list[str]:
    """Every difference between what was published and what should have been; see ``expected_by_shard``."""
    return differences(
        expected_by_shard(deployment, visible, treatment),
        _read(deployment, "messages"),
        _read(deployment, "cycles"),
        _read(deployment, "dead-letters"),
    )


def judge(
    deployment: Deployment, visible: Visible, thresholds: Thresholds, coalesced: Collection[int] = ()
) -> list[str]:
    """Every difference between what was published and what should have been; see ``expected_of``."""
    return judge_by_shard(deployment, visible, everywhere(thresholds, coalesced))


def read_input(deployment: Deployment, role: str) -> list[InputRecord]:
    """One of the input topics, ``activity`` or ``ticks``, as the oracle takes it."""
    return [
        InputRecord(
            record.topic, record.partition, record.offset, record.timestamp_ms, record.key, record.value, record.headers
        )
        for record in _read(deployment, role)
    ]


def _read(deployment: Deployment, role: str) -> list[ForeignRecord]:
    return read_topic(deployment.kafka, deployment.topic(role))
