"""A service that is asked to stop does so in ten seconds, also when nobody answers it any more."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local.kafka import KafkaBroker
from tests.e2e.commands import background
from tests.harness.deployment import Deployment


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[KafkaBroker]:
    """A broker that may be frozen without hurting other tests."""
    broker = KafkaBroker(tmp_path / "kafka")
    broker.start()
    yield broker
    broker.kill()


@contextmanager
def frozen(broker: KafkaBroker) -> Iterator[None]:
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(broker.pid, signal.SIGCONT)


def test_a_service_stops_in_order_while_kafka_is_frozen(broker: KafkaBroker, database: str, tmp_path: Path) -> None:
    deployment = Deployment("frozen", broker.bootstrap_servers, database, tmp_path)
    deployment.init()
    with background(deployment, "run") as worker:
        worker.wait_for("shard_taken_over")
        with frozen(broker):
            assert worker.stop() == 0
