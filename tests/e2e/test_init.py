"""`engage init`."""

from tests.e2e.commands import engage
from tests.harness.deployment import Deployment


def test_it_creates_what_is_missing_and_then_nothing(deployment: Deployment) -> None:
    first = engage(deployment, "init", "--json")
    assert first.code == 0, first.stderr
    created = {change["topic"]: change["partitions"] for change in first.json["topics"]}
    roles = {"activity": 4, "ticks": 1, "messages": 4, "cycles": 1, "dead-letters": 4, "progress": 4}
    assert created == {deployment.topic(role): partitions for role, partitions in roles.items()}
    assert first.json["migrations"][0] == "0001_state"
    assert first.json["shards"] == 4

    second = engage(deployment, "init", "--json")
    assert second.code == 0
    assert second.json == {"migrations": [], "topics": [], "shards": 4}

    # Other numbers don't change what exists.
    third = engage(deployment, "init", ENGAGEMENT_TOPIC_PARTITIONS="6")
    assert third.code == 0
    assert third.stdout == "ready: 4 shards\n"
