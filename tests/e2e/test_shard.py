"""`engage shard list`: where every shard is, and who has it."""

from tests.conditions import eventually
from tests.e2e.commands import engage, workers
from tests.harness.deployment import Deployment
from tests.harness.feed import Feed
from tests.harness.halting import sql

EVENTS = [{"type": "user.active", "user_id": f"u{n}", "occurred_at": "2026-11-01T00:00:00Z"} for n in range(40)]


async def test_it_tells_what_is_not_read_yet_and_that_nobody_has_it(initialised: Deployment) -> None:
    async with Feed(initialised) as feed:
        await feed.activity(EVENTS)
    lines = engage(initialised, "shard", "list", "--json").json_lines
    assert [line["shard"] for line in lines] == [0, 1, 2, 3]
    assert {line["owner"] for line in lines} == {None}
    assert sum(line["lag"] for line in lines) == len(EVENTS)
    assert {(line["epoch"], line["position"], line["halted_reason"]) for line in lines} == {(0, -1, None)}


async def test_it_tells_who_has_a_shard_and_how_far_it_is(initialised: Deployment) -> None:
    async def owned_and_read() -> None:
        lines = engage(initialised, "shard", "list", "--json").json_lines
        assert {line["owner"]["host"] for line in lines} == {"127.0.0.1"}
        assert len({line["owner"]["member_id"] for line in lines}) == 2
        assert all(line["epoch"] >= 1 for line in lines)
        assert {line["lag"] for line in lines} == {0}
        assert sum(line["users"]["active"] for line in lines) == len(EVENTS)

    async with Feed(initialised) as feed:
        await feed.activity(EVENTS)
    with workers(initialised, 2):
        await eventually(owned_and_read, 60)
        assert engage(initialised, "tick", "--wait", "--at", "2026-11-20T00:00:00Z").code == 0
        lines = engage(initialised, "shard", "list", "--json").json_lines
        assert [(line["confirmed"] == line["decided"] > 0, line["begun_tick"]) for line in lines] == [(True, None)] * 4


async def test_a_halted_shard_has_its_reason_in_text_and_json(initialised: Deployment) -> None:
    await sql(initialised, "UPDATE shard SET halted_reason = 'its [red]marker', halted_at = now() WHERE shard = 1")
    text = engage(initialised, "shard", "list")
    assert text.code == 0
    heading, *rows = [line.split("\t") for line in text.stdout.splitlines()]
    assert heading[-1] == "halted"
    assert [row[-1] == "-" for row in rows] == [True, False, True, True]
    assert rows[1][-1].endswith(": its [red]marker")
    lines = engage(initialised, "shard", "list", "--json").json_lines
    assert [line["halted_reason"] for line in lines] == [None, "its [red]marker", None, None]


async def test_a_position_beyond_the_log_has_no_lag(initialised: Deployment) -> None:
    await sql(initialised, "UPDATE shard SET position = 100 WHERE shard = 0")
    first, *others = engage(initialised, "shard", "list", "--json").json_lines
    assert (first["position"], first["log"], first["lag"]) == (100, {"beginning": 0, "end": 0}, None)
    assert {line["lag"] for line in others} == {0}
