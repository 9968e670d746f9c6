"""What commands say when the settings or the surroundings don't fit."""

import json
from pathlib import Path

import pytest

from tests.e2e.commands import engage
from tests.harness.deployment import Deployment

NOBODY = "127.0.0.1:1"  # nobody listens there
COMMANDS = {
    "run": ["run"],
    "init": ["init"],
    "tick": ["tick"],
    "ticker": ["ticker", "--every", "60s"],
    "produce": ["produce", "--user-id", "1"],
    "demo": ["demo"],
    "notify": ["notify"],
    "stats": ["stats"],
    "cycles": ["cycles"],
    "user": ["user", "1"],
    "dlq list": ["dlq", "list"],
    "dlq replay": ["dlq", "replay"],
    "shard list": ["shard", "list"],
    "shard accept": ["shard", "accept", "0"],
}


@pytest.fixture
def nowhere(tmp_path: Path) -> Deployment:
    """A deployment whose services are away."""
    dsn = f"postgresql://engage:s3cret@{NOBODY}/db"
    variables = {"STARTUP_TIMEOUT_SECONDS": "0.5", "INACTIVITY_THRESHOLD_SECONDS": "60"}
    return Deployment("nowhere", NOBODY, dsn, tmp_path, variables=variables)


@pytest.mark.parametrize("name", COMMANDS)
def test_services_that_are_away_end_it_with_3_and_the_settings_that_name_them(nowhere: Deployment, name: str) -> None:
    done = engage(nowhere, *COMMANDS[name])
    assert done.code == 3
    (told,) = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert "ENGAGEMENT_STARTUP_TIMEOUT_SECONDS (from the environment)" in told
    asked_first = {"Kafka": "ENGAGEMENT_KAFKA_BOOTSTRAP_SERVERS", "Postgres": "ENGAGEMENT_POSTGRES_DSN"}
    named = [service for service, setting in asked_first.items() if f"{setting} (from the environment)" in told]
    assert len(named) == 1, told
    assert f"start {named[0]}, or correct" in told
    assert "Traceback" not in done.stderr
    assert "s3cret" not in done.stderr
    assert done.stdout == ""


def test_off_a_terminal_log_lines_are_json_and_the_reason_is_plain_text(nowhere: Deployment) -> None:
    done = engage(nowhere, "tick")
    logged = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert {"aiokafka", "event"} <= {word for line in logged for word in (line.get("logger") or "event").split(".")}
    assert done.stderr.splitlines()[len(logged)].startswith("engage: could not connect to")
    assert "\x1b[" not in done.stderr


@pytest.mark.parametrize("name", ["run", "demo", "notify", "stats", "tick", "shard list", "shard accept"])
def test_a_deployment_that_is_not_initialised_is_told_how_to_be(deployment: Deployment, name: str) -> None:
    done = engage(deployment, *COMMANDS[name])
    assert done.code == 3
    assert "engage init" in done.stderr
    assert "Traceback" not in done.stderr


def test_settings_that_cannot_be_used_end_it_with_2_and_a_line_each(nowhere: Deployment) -> None:
    done = engage(nowhere, "run", ENGAGEMENT_MESSAGE_FREQUENCY_HOURS="never", ENGAGEMENT_TICK_TOPICS="x")
    assert done.code == 2
    assert [line.partition(" (from the environment): ")[0] for line in done.stderr.splitlines()] == [
        "engage: ENGAGEMENT_TICK_TOPICS",
        "engage: ENGAGEMENT_MESSAGE_FREQUENCY_HOURS",
    ]
