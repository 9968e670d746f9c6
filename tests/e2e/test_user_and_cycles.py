"""`engage user` and `engage cycles`."""

from typing import Any

import asyncpg
import pytest

from tests.e2e.commands import engage, workers
from tests.harness.deployment import Deployment

TICK = ("tick", "--wait", "--json")
HEADINGS = [
    *("at", "status", "users", "sent", "dormant", "new_user", "normal"),
    *("skipped", "active", "recently_messaged", "tick_id"),
]


def test_what_the_last_tick_did_with_a_user_and_what_the_cycles_did(initialised: Deployment) -> None:
    """One deployment whose threshold is a minute: 12 falls silent, -9 has no name and comes back after the tick."""
    assert engage(initialised, "cycles", "--json").json_lines == []
    none = engage(initialised, "cycles")
    assert (none.code, none.stdout) == (0, "")
    assert "No cycle has ended yet" in none.stderr
    with workers(initialised):
        produce(initialised, "--user-id", "12", "--name", "Ghost Gary", "--at", "2026-11-01T10:00:00Z")
        produce(initialised, "--user-id", "-9", "--at", "2026-11-06T09:59:30Z")
        friday = engage(initialised, *TICK, "--at", "2026-11-06T10:00:00Z", "--id", "friday").json

        gary = engage(initialised, "user", "12")
        assert (gary.code, gary.stderr) == (0, "")
        assert "At the last tick, 2026-11-06 10:00:00 UTC, user 12 (Ghost Gary) got “Hey Ghost Gary" in gary.stdout
        assert "silent for 5 days, and the threshold is 1 min." in gary.stdout
        assert "the first tick from 2026-11-07 10:00:00 UTC on messages them." in gary.stdout
        facts = engage(initialised, "user", "12", "--json").json
        assert facts["explanation"] in gary.stdout
        assert facts["last_messaged"] == facts["last_tick"]["at"] == friday["at"]
        assert expected(facts["last_tick"]) == ("friday", "messaged", "eligible", "dormant", "playful", "sent")
        assert facts["next_possible_at"] == "2026-11-07T10:00:00.000000Z"

        dashed = engage(initialised, "user", "--json", "--", "-9")
        assert dashed.code == 0, dashed.stderr
        assert (dashed.json["user_id"], dashed.json["name"]) == ("-9", None)
        assert expected(dashed.json["last_tick"]) == ("friday", "skipped", "active", None, None, None)
        assert dashed.json["next_possible_at"] == "2026-11-06T10:00:30.000001Z"

        # What was announced comes true: at that moment, and not before.
        early = engage(initialised, *TICK, "--at", "2026-11-06T10:00:30Z").json
        on_time = engage(initialised, *TICK, "--at", dashed.json["next_possible_at"]).json
        assert (early["messages_sent"], on_time["messages_sent"]) == (0, 1)
        skipped = engage(initialised, "user", "12", "--json").json["last_tick"]
        assert (skipped["outcome"], skipped["reason"]) == ("skipped", "recently_messaged")

    assert engage(initialised, "cycles", "--json").json_lines == [on_time, early, friday]
    assert engage(initialised, "cycles", "--json", "--limit", "1").json_lines == [on_time]
    headings, *lines = [line.split("\t") for line in engage(initialised, "cycles").stdout.splitlines()]
    assert headings == HEADINGS
    assert len(lines) == 3
    assert lines[2] == [friday["at"], "complete", *["2", "1", "1", "0", "0", "1", "1", "0"], "friday"]

    unknown = engage(initialised, "user", "nobody", "--json")
    assert (unknown.code, unknown.stdout) == (4, "")
    assert "User nobody is not known" in unknown.stderr


def expected(last_tick: dict[str, Any]) -> tuple[str | None, ...]:
    return tuple(last_tick[name] for name in ("tick_id", "outcome", "reason", "segment", "tone", "status"))


def produce(deployment: Deployment, *arguments: str) -> None:
    done = engage(deployment, "produce", *arguments)
    assert done.code == 0, done.stderr


# A shard has decided about one user, and its worker was killed before it came to the other two.
_UNDER_WAY = """
WITH judged AS (
    INSERT INTO engagement.tick (tick_offset, verdict, tick_id, at, shards)
    VALUES (0, 'usable', 'friday', '2026-11-06T10:00:00Z', 4)
), left_over AS (
    INSERT INTO engagement.users (user_id, shard, outcome, wake_at, first_seen, last_active)
    SELECT n, 0, 'active', at, at, at
    FROM generate_series(1, 2) AS n, (VALUES (timestamptz '2026-11-01T10:00:00Z')) AS given (at)
)
UPDATE engagement.shard
SET tick_cursor = 1, tick_due = 1, tick_since = now() - interval '1 minute', begun_offset = 0,
    begun_tick_id = 'friday', begun_at = '2026-11-06T10:00:00Z', begun_policy = '{1, 1, 1, 1}',
    begun_figures = '{0, 0, 0, 0, 0}'
WHERE shard = 0
"""


async def test_a_cycle_under_way_is_a_remark_and_no_data(initialised: Deployment) -> None:
    connection = await asyncpg.connect(initialised.dsn)
    await connection.execute(_UNDER_WAY)
    await connection.close()
    for more in ((), ("--json",)):
        done = engage(initialised, "cycles", *more)
        assert (done.code, done.stdout) == (0, "")
        expected = (
            "tick friday of 2026-11-06 10:00:00 UTC: 1 of 3 due users dealt with (33%), 0 of 4 shards done, the rest"
        )
        assert expected in done.stderr
        assert "No cycle has ended yet" not in done.stderr


@pytest.mark.parametrize("user_id", ["", "a\tb", "x" * 129, "caf\udce9"], ids=["empty", "tab", "long", "latin-1"])
def test_an_impossible_user_id_ends_with_2(deployment: Deployment, user_id: str) -> None:
    done = engage(deployment, "user", user_id)
    assert (done.code, done.stdout) == (2, "")
    assert "1 to 128 characters" in done.stderr
    assert "Traceback" not in done.stderr
