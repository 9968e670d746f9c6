"""The demo from end to end: the fifteen users, through the commands and through a client that isn't ours."""

import json
import os
import subprocess
import sys
from typing import Any

from tests.e2e.commands import engage, workers
from tests.foreign import read_topic
from tests.harness.deployment import ROOT, Deployment

SUMMARY = {
    "status": "Cycle complete",
    "total_users": 15,
    "messages_sent": 8,
    "users_skipped": 7,
    "segment_breakdown": {"dormant": 5, "new_user": 2, "normal": 1},
    "detailed_stats": {
        "total_users": 15,
        "eligible": 8,
        "skipped": 7,
        "by_segment": {"dormant": 5, "new_user": 2, "normal": 1},
        "skip_reasons": {"active": 4, "recently_messaged": 3},
    },
    "shards": {"evaluated": 4, "coalesced": 0},
}
GREETING = "Hey Ghost Gary, we miss you! 😉"


def published(deployment: Deployment, role: str) -> list[Any]:
    """The values of a topic, as kcat sees them."""
    return [json.loads(record.value or b"") for record in read_topic(deployment.kafka, deployment.topic(role))]


def test_the_demo_shows_what_the_seed_promises(initialised: Deployment) -> None:
    with workers(initialised, 2):
        demo = engage(initialised, "demo", "--json")
        assert demo.code == 0, demo.stderr
        cycle = demo.json
        assert cycle | SUMMARY == cycle

        _, second = published(initialised, "cycles")
        assert second == cycle
        assert engage(initialised, "stats", "--json").json == cycle

        messages = {message["message_id"]: message for message in published(initialised, "messages")}
        of_cycle = [message for message in messages.values() if message["tick_id"] == cycle["tick_id"]]
        assert len(of_cycle) == 8
        assert len(messages) == 11, "three of them are of the earlier tick"
        assert GREETING in {message["content"] for message in of_cycle if message["user_id"] == "12"}

        received = engage(initialised, "notify", "--until-end", "--json").json_lines
        assert {message["message_id"]: message for message in received} == messages
        assert len(received) == 11

        again = engage(initialised, "demo")
        assert again.code == 4
        assert "has users already" in again.stderr
        assert len(published(initialised, "cycles")) == 2

    # What the state says of the last cycle can be read without workers, also as text.
    stats = engage(initialised, "stats")
    assert stats.code == 0
    assert [line.split() for line in stats.stdout.splitlines() if "dormant" in line] == [["dormant", "5"]]


def test_who_comes_back_in_time_gets_no_message(initialised: Deployment) -> None:
    with workers(initialised):
        cycle = engage(initialised, "demo", "--came-back", "12", "--json").json
    assert cycle["messages_sent"] == 7
    assert cycle["detailed_stats"]["skip_reasons"] == {"active": 5, "recently_messaged": 3}
    assert GREETING not in {message["content"] for message in published(initialised, "messages")}


def local_demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`make demo` once everything is installed, on services of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ENGAGE_TEST_")}
    return subprocess.run(
        [sys.executable, "-m", "deploy.local.demo", *arguments],
        cwd=ROOT,
        env=kept | {"ENGAGEMENT_MISTYPED": "settings around the demo don't count"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_local_demo_works_twice_in_a_row() -> None:
    for _ in range(2):
        done = local_demo()
        assert done.returncode == 0, done.stdout + done.stderr
        assert GREETING in done.stdout


def test_the_local_demo_fails_when_the_figures_differ() -> None:
    done = local_demo("--came-back", "12")
    assert done.returncode == 1
    assert "DIFFERS: messages_sent is 7, not 8" in done.stderr
    assert "Traceback" not in done.stderr
