"""A deployment for each test, stopped whatever happens."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.deployment import Deployment
from tests.harness.temporary import KILLED_AT


@pytest.fixture
def deployment(kafka: str, database: str, unique: str, tmp_path: Path) -> Iterator[Deployment]:
    """An engine with four shards, initialised; no worker runs yet."""
    deployment = Deployment(unique, kafka, database, tmp_path)
    deployment.init()
    yield deployment
    deployment.stop()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List where workers were killed without a difference."""
    passed = [report for report in terminalreporter.stats.get("passed", ()) if isinstance(report, pytest.TestReport)]
    steps = [str(value) for report in passed for name, value in report.user_properties if name == KILLED_AT]
    if steps:
        terminalreporter.section("workers killed right before and right after")
        terminalreporter.write_line(f"{len(steps)} steps: {', '.join(steps)}")
