"""What a worker measures, seen from outside."""

import re

from tests.conditions import until
from tests.e2e.commands import engage, workers
from tests.foreign import read_topic
from tests.harness.deployment import Deployment
from tests.harness.group import committed_offsets
from tests.harness.http import Http, http_of

# Name and labels of a sample, and its value.
_SAMPLE = re.compile(r"^(engagement_\w+(?:\{[^}]*\})?) (\S+)$", re.MULTILINE)


def samples(http: Http) -> dict[str, float]:
    """The engine's samples, by name and labels as they are written."""
    return {name: float(value) for name, value in _SAMPLE.findall(http.get("/metrics").text)}


async def test_metrics_count_what_was_done_and_the_group_is_told_how_far_it_is(initialised: Deployment) -> None:
    initialised.variables["HTTP_PORT"] = "0"
    with workers(initialised) as [worker]:
        http = http_of(worker)
        await http.wait_until_ready()
        for user, at in (("12", "2026-11-01T10:00:00Z"), ("13", "2026-11-06T09:59:30Z")):
            assert engage(initialised, "produce", "--user-id", user, "--at", at).code == 0
        assert http.post("/run-engagement-cycle/", b'{"at": "2026-11-06T10:00:00Z"}').status == 200
        assert http.post("/run-engagement-cycle/", b'{"at": "2026-11-06T10:00:00Z"}').status == 409

        ends = dict.fromkeys(range(4), 0)
        for record in read_topic(initialised.kafka, initialised.topic("activity")):
            ends[record.partition] = record.offset + 1

        async def surveyed() -> bool:
            return await committed_offsets(initialised.kafka, initialised.name) == ends

        await until(surveyed)
        found = samples(http)

    expected = {
        'engagement_records_total{input="activity",outcome="accepted"}': 2,
        'engagement_records_total{input="ticks",outcome="accepted"}': 2,
        'engagement_ticks_total{verdict="usable"}': 1,
        'engagement_ticks_total{verdict="stale"}': 1,
        # Only those who are due are evaluated: the one who came 30 s before is not.
        'engagement_decisions_total{outcome="eligible"}': 1,
        'engagement_messages_total{segment="dormant"}': 1,
        "engagement_messages_published_total": 1,
        'engagement_cycles_total{status="complete"}': 1,
        "engagement_take_overs_total": 4,
        "engagement_owned_shards": 4,
        "engagement_shards": 4,
        "engagement_halted_shards": 0,
        "engagement_outbox_entries": 0,
        "engagement_tick_lag_records": 0,
        "engagement_last_cycle_tick_timestamp_seconds": 1793959200,
        "engagement_latest_tick_timestamp_seconds": 1793959200,
        **{f'engagement_position_lag_records{{shard="{number}"}}': 0 for number in range(4)},
    }
    assert {name: found.get(name) for name in expected} == expected
    assert found['engagement_kafka_transaction_duration_seconds_count{result="ok"}'] >= 2, "messages, and the cycle"
    assert found["engagement_tick_delay_seconds_count"] == 4
    assert found["engagement_last_cycle_duration_seconds"] > 0


def test_what_users_choose_is_in_no_label(initialised: Deployment) -> None:
    initialised.variables["HTTP_PORT"] = "0"
    with workers(initialised) as [worker]:
        assert engage(initialised, "produce", "--user-id", "marked-user", "--name", "Marked Name").code == 0
        assert engage(initialised, "tick", "--id", "marked-tick", "--wait").code == 0
        assert "arked" not in http_of(worker).get("/metrics").text
