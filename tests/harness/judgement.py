"""The judgement on a deployment: its output topics against the oracle, all of it read by a client that isn't ours."""

from collections.abc import Callable, Collection, Mapping

from tests.differences import differences
from tests.foreign import ForeignRecord, read_topic
from tests.harness.deployment import Deployment
from tests.oracle import Expected, InputRecord, Limits, Thresholds, expect

Visible = Callable[[InputRecord], Mapping[int, int]]


def expected_of(
    deployment: Deployment, visible: Visible, thresholds: Thresholds, coalesced: Collection[int] = ()
) -> Expected:
    """What the engine should have published, given the input topics as they lie in Kafka.

    ``coalesced``: the offsets of ticks that every shard leaves out.
    """
    activity = [_input(record) for record in _read(deployment, "activity")]
    ticks = [_input(record) for record in _read(deployment, "ticks")]
    return expect(activity, ticks, visible, thresholds=thresholds, limits=Limits(), coalesced=coalesced)


def judge(
    deployment: Deployment, visible: Visible, thresholds: Thresholds, coalesced: Collection[int] = ()
) -> list[str]:
    """Every difference between what was published and what should have been; see ``expected_of``."""
    return differences(
        expected_of(deployment, visible, thresholds, coalesced),
        _read(deployment, "messages"),
        _read(deployment, "cycles"),
        _read(deployment, "dead-letters"),
    )


def _read(deployment: Deployment, role: str) -> list[ForeignRecord]:
    return read_topic(deployment.kafka, deployment.topic(role))


def _input(record: ForeignRecord) -> InputRecord:
    return InputRecord(
        record.topic, record.partition, record.offset, record.timestamp_ms, record.key, record.value, record.headers
    )
