"""`engage dlq list` and `engage dlq replay`: what can't be used, looked at and sent back."""

import asyncio
import json
import random
from dataclasses import replace

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.topics import opened_admin
from consumer.commands.dlq import print_letters, replay_letters
from consumer.commands.dlq_source import Selection
from consumer.commands.errors import RefusedError
from consumer.replaying import Replaying
from domain.errors import Reason
from tests.conditions import eventually
from tests.e2e.commands import Ended, engage, workers
from tests.foreign import ForeignRecord, produce
from tests.harness.deployment import Deployment
from tests.harness.feed import Feed
from tests.harness.halting import delete_records, recreate_topic, sql
from tests.harness.letters import ROOM, TIMESTAMP_MS, lying, put, rejected, replay, settings_of, told
from tests.harness.waiting import SECONDS


async def run(deployment: Deployment, *arguments: str) -> Ended:
    return await asyncio.to_thread(engage, deployment, "dlq", *arguments)


@pytest.fixture
async def filled(initialised: Deployment) -> Deployment:
    """Four dead letters, and three records that somebody else has put between them."""
    topic = initialised.topic("dead-letters")
    first = rejected(initialised, b"{\x00", key=None, headers=(("trace", None), ("trace", b"\xff")), partition=3)
    large = rejected(initialised, b"x" * 700, reason="too_large", key="é\x1b[2J".encode(), partition=1, offset=5)
    null = rejected(initialised, None, reason="null_value", key=b"\xff\x00", topic=initialised.topic("ticks"), offset=9)
    cut = rejected(initialised, b"x" * (ROOM + 1), reason="too_large", partition=2)
    await put(initialised, [first, large], partition=2)
    await asyncio.to_thread(produce, initialised.kafka, topic, b"odd", partition=2, headers=[("a\udcff", "x")])
    await asyncio.to_thread(produce, initialised.kafka, topic, b"other", partition=2, key="k")
    later = replace(null, timestamp_ms=TIMESTAMP_MS + 5)
    await put(initialised, [later, replace(first, headers=first.headers[:-1], timestamp_ms=2**62), cut], partition=2)
    return initialised


async def test_the_list_tells_where_when_why_and_what(filled: Deployment) -> None:
    done = await run(filled, "list", "--json")
    assert done.code == 0, done.stderr
    lines = done.json_lines
    assert [(line["partition"], line["offset"]) for line in lines] == [(2, number) for number in range(7)]
    activity = filled.topic("activity")
    assert lines[0] == {
        "partition": 2,
        "offset": 0,
        "dead_letter": True,
        "timestamp_ms": TIMESTAMP_MS,
        "at": "2026-11-22T10:00:00.000000Z",
        "reason": "bad_json",
        "detail": "value: is wrong",
        "from": {"topic": activity, "partition": 3, "offset": 0},
        "bytes": 2,
        "truncated": False,
        "key": None,
        "key_base64": None,
        "replayed_at": None,
    }
    assert [line["reason"] for line in lines] == [
        "bad_json", "too_large", None, None, "null_value", None, "too_large"
    ]  # fmt: skip
    assert [line["dead_letter"] for line in lines] == [line["reason"] is not None for line in lines]
    assert [line["bytes"] for line in lines] == [2, 700, 3, 5, None, 2, ROOM + 1]
    assert [line["truncated"] for line in lines] == [False] * 6 + [True]
    assert [line["key"] for line in lines] == [None, "é\x1b[2J", None, "k", None, None, "u1"]
    assert [line["key_base64"] for line in lines] == [None, None, None, None, "/wA=", None, None]
    assert lines[4]["from"] == {"topic": filled.topic("ticks"), "partition": 0, "offset": 9}
    assert (lines[5]["at"], lines[5]["timestamp_ms"]) == (None, 2**62)

    text = await run(filled, "list")
    heading, *rows = [line.split("\t") for line in text.stdout.splitlines()]
    assert heading == ["partition", "offset", "at", "reason", "detail", "from", "bytes", "key", "replayed"]
    assert rows[1] == [
        "2", "1", "2026-11-22T10:00:00.000000Z", "too_large", "value: is wrong", f"{activity} 1:5", "700",
        r"é\x1b[2J", "-",
    ]  # fmt: skip
    assert rows[2][3:6] == ["-", "not of the engine", "-"]
    assert "bad_json 1, not of the engine 3, null_value 1, too_large 2" in text.stderr


async def test_the_list_can_be_narrowed(filled: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    async def offsets(*reasons: Reason, limit: int | None = None) -> list[int]:
        capsys.readouterr()
        await print_letters(settings_of(filled), Selection(frozenset(reasons)), limit, as_json=True)
        return [json.loads(line)["offset"] for line in capsys.readouterr().out.splitlines()]

    assert await offsets("too_large") == [1, 6]
    assert await offsets("too_large", "null_value") == [1, 4, 6]
    assert await offsets("future_time") == []
    assert await offsets("too_large", "null_value", limit=2) == [4, 6]
    assert await offsets("too_large", "null_value", limit=3) == [1, 4, 6]
    assert await offsets(limit=1) == [5]


async def test_an_empty_topic_has_an_empty_list_and_a_missing_one_is_named(initialised: Deployment) -> None:
    done = await run(initialised, "list", "--json")
    assert (done.code, done.stdout, done.stderr) == (0, "", "There are no dead letters.\n")
    assert await replay(initialised) == told(0)
    initialised.variables["DEAD_LETTER_TOPIC"] = f"{initialised.name}-none"
    gone = await run(initialised, "replay")
    assert gone.code == 3
    assert f"{initialised.name}-none" in gone.stderr
    assert "Traceback" not in gone.stderr


def contents(records: list[ForeignRecord]) -> list[object]:
    return [(record.partition, record.key, record.value, record.headers) for record in records]


async def test_what_is_sent_back_is_what_came_in_where_it_came_in(filled: Deployment) -> None:
    assert await replay(filled, dry_run=True) == told(3, done=False, truncated=1)
    assert await lying(filled, "activity") == await lying(filled, "ticks") == await lying(filled, "progress") == []

    assert (await run(filled, "replay", "--json", "--reason", "null_value")).json == told(1)
    done = await run(filled, "replay")
    assert done.code == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Replayed: 2 dead letters.",
        "- 1 were replayed before",
        "- 1 were too large for the dead-letter topic: the rest of them is lost",
    ]
    assert "3 records of the dead-letter topic are not dead letters of the engine" in done.stderr
    activity = await lying(filled, "activity")
    assert contents(activity) == [
        (1, "é\x1b[2J".encode(), b"x" * 700, ()),
        (3, None, b"{\x00", (("trace", None), ("trace", b"\xff"))),
    ]
    assert contents(await lying(filled, "ticks")) == [(0, b"\xff\x00", None, ())]
    assert await replay(filled) == told(0, 3, truncated=1)

    lines = (await run(filled, "list", "--json")).json_lines
    assert [line["replayed_at"] is not None for line in lines] == [True, True, False, False, True, False, False]


async def test_one_letter_can_be_meant_by_its_place(filled: Deployment) -> None:
    async def at(partition: int, offset: int) -> Replaying:
        return await replay_letters(settings_of(filled), Selection(place=(partition, offset)))

    done = await run(filled, "replay", "--json", "--partition", "2", "--offset", "1")
    assert done.json == told(1)
    assert [record.partition for record in await lying(filled, "activity")] == [1]
    for partition, offset in ((2, 2), (2, 7), (0, 0), (9, 0)):
        with pytest.raises(RefusedError, match=f"no such dead letter in partition {partition} at offset {offset}"):
            await at(partition, offset)
    assert (await at(2, 1)).tally.already_replayed == 1
    cut = await run(filled, "replay", "--json", "--partition", "2", "--offset", "6")
    assert cut.code == 4
    assert cut.json == told(0, truncated=1)
    assert "None of the dead letters that were asked for can be replayed." in cut.stderr


async def test_what_has_no_place_to_go_to_is_counted_and_the_rest_is_sent(initialised: Deployment) -> None:
    strange = [
        rejected(initialised, topic="somewhere-else"),
        rejected(initialised, topic=initialised.topic("messages")),
        rejected(initialised, partition=4),
        rejected(initialised, partition=1, topic=initialised.topic("ticks")),
    ]
    await put(initialised, [*strange, rejected(initialised, b"good")])
    assert await replay(initialised) == told(1, other_topic=2, no_partition=2)
    assert [record.value for record in await lying(initialised, "activity")] == [b"good"]


async def test_a_topic_that_takes_little_at_a_time_gets_all_of_it(initialised: Deployment) -> None:
    values = {random.Random(number).randbytes(9_000) for number in range(60)}
    async with opened_admin(KafkaConnection(initialised.kafka)) as admin:
        little = {"max.message.bytes": "20000"}
        await admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, initialised.topic("activity"), configs=little)]
        )
    await put(initialised, [rejected(initialised, value, offset=number) for number, value in enumerate(values)])
    assert await replay(initialised) == told(60)
    assert {record.value for record in await lying(initialised, "activity")} == values


async def test_a_recreated_topic_and_a_shortened_one_hide_no_letter(initialised: Deployment) -> None:
    letters = [rejected(initialised, b"%d" % number, offset=number) for number in range(4)]
    await put(initialised, letters, partition=0)
    assert await replay(initialised) == told(4)
    await delete_records(initialised, "dead-letters", 0, 3)
    assert await replay(initialised) == told(0, 1)
    await recreate_topic(initialised, "dead-letters")
    again = [rejected(initialised, b"new %d" % number, offset=number) for number in range(4)]
    await put(initialised, again, partition=0)
    assert await replay(initialised) == told(4)
    assert len({record.value for record in await lying(initialised, "activity")}) == 8
    assert await replay(initialised) == told(0, 4)


async def test_after_the_limit_was_raised_a_replayed_record_gets_into_the_state_once(initialised: Deployment) -> None:
    event = {"type": "user.registered", "user_id": "u1", "name": "Ann", "occurred_at": "2026-11-01T00:00:00Z"}

    async def dead_letters(*arguments: str) -> list[str]:
        return [line["reason"] for line in (await run(initialised, "list", "--json", *arguments)).json_lines]

    async def both_are_dead() -> None:
        assert sorted(await dead_letters()) == ["bad_json", "too_large"]

    async def new_ones() -> None:
        assert sorted(await dead_letters()) == ["bad_json", "bad_json", "too_large"]

    initialised.variables["MAX_RECORD_BYTES"] = "300"
    async with Feed(initialised) as feed:
        await feed.records([(b"u1", json.dumps(event | {"note": "x" * 400}).encode()), (b"u2", b"{")])
    with workers(initialised):
        await eventually(both_are_dead, SECONDS)
    assert await sql(initialised, "SELECT * FROM users") == []

    initialised.variables["MAX_RECORD_BYTES"] = "1000"
    assert await replay(initialised) == told(2)
    with workers(initialised):
        await eventually(new_ones, SECONDS)
        tick = await asyncio.to_thread(engage, initialised, "tick", "--wait", "--json", "--at", "2026-11-20T00:00:00Z")
        assert tick.json["total_users"] == tick.json["messages_sent"] == 1
    assert await replay(initialised) == told(1, 2), "what is still bad is another dead letter"
