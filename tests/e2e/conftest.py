"""A deployment for each test: its own topics and database on the shared services."""

from pathlib import Path

import pytest

from tests.harness.deployment import Deployment


@pytest.fixture
def deployment(kafka: str, database: str, unique: str, tmp_path: Path) -> Deployment:
    """Settings of an engine with four shards and the demo's threshold; nothing is initialised, and nothing runs."""
    return Deployment(unique, kafka, database, tmp_path, variables={"INACTIVITY_THRESHOLD_SECONDS": "60"})


@pytest.fixture
def initialised(deployment: Deployment) -> Deployment:
    """The same after `engage init`."""
    deployment.init()
    return deployment
