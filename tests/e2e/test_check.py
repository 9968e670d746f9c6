"""`engage check`: one line for each thing that fits or doesn't, and what to do about it."""

import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from tests.e2e.commands import Ended, engage, workers
from tests.harness.deployment import Deployment
from tests.harness.halting import recreate_topic, sql

NOBODY = "127.0.0.1:1"  # nobody listens there
EVERYTHING = ["settings", "postgres", "rights", "schema", "kafka", "topics", "group", "transactions", "shards", "ticks"]


def check(deployment: Deployment, **settings: str) -> Ended:
    done = engage(deployment, "check", "--json", **settings)
    assert "Traceback" not in done.stderr
    return done


def levels(done: Ended) -> dict[str, set[str]]:
    """What was found of each subject: ok, notice, problem."""
    found: dict[str, set[str]] = {}
    for line in done.json_lines:
        found.setdefault(line["check"], set()).add(line["level"])
    return found


def texts(done: Ended, subject: str, level: str) -> list[str]:
    return [line["text"] for line in done.json_lines if (line["check"], line["level"]) == (subject, level)]


def of_level(done: Ended, level: str) -> list[str]:
    """The subjects with findings of this level."""
    return [subject for subject, found in levels(done).items() if level in found]


@asynccontextmanager
async def admin(deployment: Deployment) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=deployment.kafka)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


def test_a_deployment_at_work_has_no_problem(initialised: Deployment) -> None:
    with workers(initialised):
        done = check(initialised)
        text = engage(initialised, "check")
    assert done.code == 0, done.stdout
    assert list(levels(done)) == EVERYTHING
    assert of_level(done, "problem") == []
    assert texts(done, "group", "ok") == [f"workers in the group {initialised.name}: 1"]
    assert texts(done, "shards", "ok") == ["4, of which 0 are halted"]
    assert text.code == 0
    assert len(text.stdout.splitlines()) == len(done.json_lines), "one line each"
    assert "\x1b[" not in text.stdout


def test_remarks_on_settings_are_notices(initialised: Deployment) -> None:
    done = check(initialised, ENGAGEMENT_NEW_USER_THRESHOLD_DAYS="0.0001")
    assert done.code == 0
    assert any("No message will go to the segment new_user" in text for text in texts(done, "settings", "notice"))
    assert "group" in of_level(done, "notice"), "no worker runs"


def test_settings_that_cannot_be_used_end_it_with_2(initialised: Deployment) -> None:
    done = check(initialised, ENGAGEMENT_TICK_TOPIC="no topic has this name!")
    assert done.code == 2
    assert "ENGAGEMENT_TICK_TOPIC" in done.stderr


def test_before_init_everything_that_is_missing_is_named_with_the_remedy(deployment: Deployment) -> None:
    done = check(deployment)
    assert done.code == 3
    assert of_level(done, "problem") == ["schema", "topics"]
    for text in texts(done, "schema", "problem") + texts(done, "topics", "problem"):
        assert "`engage init`" in text
    assert len(texts(done, "topics", "problem")) == 6


@pytest.mark.parametrize(
    ("away", "problem", "still_checked"),
    [
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka", {"postgres", "rights", "schema", "shards"}),
        ("POSTGRES_DSN", "postgres", {"kafka", "topics", "group", "transactions"}),
    ],
)
def test_one_service_away_does_not_hide_the_other(
    initialised: Deployment, away: str, problem: str, still_checked: Iterable[str]
) -> None:
    address = NOBODY if problem == "kafka" else f"postgresql://engage:s3cret@{NOBODY}/db"
    started = time.monotonic()
    done = check(initialised, **{f"ENGAGEMENT_{away}": address})
    assert time.monotonic() - started < 30, "far below the 60 s that other commands try for"
    assert done.code == 3
    assert of_level(done, "problem") == [problem]
    assert f"ENGAGEMENT_{away}" in texts(done, problem, "problem")[0]
    assert set(of_level(done, "ok")) | set(of_level(done, "notice")) >= set(still_checked)
    assert "s3cret" not in done.stdout + done.stderr


async def test_a_halted_shard_is_named_with_the_reason_and_the_remedy(initialised: Deployment) -> None:
    await sql(initialised, "UPDATE shard SET halted_reason = 'its marker is lost', halted_at = now() WHERE shard = 2")
    done = check(initialised)
    assert done.code == 3
    assert of_level(done, "problem") == ["shards"]
    (text,) = texts(done, "shards", "problem")
    assert "shard 2 is halted since" in text
    assert "its marker is lost" in text
    assert "`engage shard accept 2`" in text
    assert texts(done, "shards", "ok") == ["4, of which 1 are halted"]


async def test_topics_that_do_not_fit_are_told_apart_from_those_worth_a_notice(initialised: Deployment) -> None:
    await recreate_topic(initialised, "ticks", 2)
    await recreate_topic(initialised, "progress", settings={"cleanup.policy": "delete"})
    await recreate_topic(initialised, "dead-letters", 1)
    done = check(initialised)
    assert done.code == 3
    problems, notices = texts(done, "topics", "problem"), texts(done, "topics", "notice")
    assert [any(word in text for text in problems) for word in ("exactly 1", "cleanup.policy=delete")] == [True, True]
    assert [any(word in text for text in notices) for word in ("CreateTime", "max.message.bytes")] == [True, True]


async def test_shards_without_a_progress_partition_are_named_until_init(initialised: Deployment) -> None:
    async with admin(initialised) as client:
        await client.create_partitions({initialised.topic("activity"): NewPartitions(6)})
    done = check(initialised)
    assert done.code == 3
    (text,) = texts(done, "topics", "problem")
    assert "no worker takes the shards from 4 on: `engage init`" in text
    assert engage(initialised, "init").code == 0
    again = check(initialised)
    assert again.code == 0, again.stdout
    assert texts(again, "shards", "ok") == ["6, of which 0 are halted"]


async def test_an_activity_topic_with_fewer_partitions_than_shards_is_a_problem(initialised: Deployment) -> None:
    await recreate_topic(initialised, "activity", 3)
    done = check(initialised)
    assert done.code == 3
    assert "only 3 partitions: no cycle ends" in texts(done, "shards", "problem")[0]


async def test_a_recreated_tick_topic_is_a_problem_until_its_end_has_passed_the_position(
    initialised: Deployment,
) -> None:
    await sql(initialised, "UPDATE deployment SET tick_next = 2")
    done = check(initialised)
    assert done.code == 3
    assert "produce 2 ticks" in texts(done, "ticks", "problem")[0]
    for _ in range(2):
        assert engage(initialised, "tick").code == 0
    assert check(initialised).code == 0
    with workers(initialised):
        assert engage(initialised, "tick", "--wait").code == 0


async def test_a_schema_of_a_newer_engine_or_an_edited_one_is_a_problem(initialised: Deployment) -> None:
    await sql(initialised, "UPDATE schema_version SET checksum = 'edited' WHERE version = 1")
    edited = check(initialised)
    await sql(initialised, "INSERT INTO schema_version (version, name, checksum) VALUES (9999, 'later', 'x')")
    newer = check(initialised)
    assert (edited.code, newer.code) == (3, 3)
    assert "was changed after it was applied" in texts(edited, "schema", "problem")[0]
    assert "newer engine" in texts(newer, "schema", "problem")[0]


async def test_a_missing_right_is_named(initialised: Deployment, unique: str) -> None:
    role = f"role_{unique.replace('-', '_')}"
    connection = await asyncpg.connect(initialised.dsn)
    await connection.execute(f"CREATE ROLE {role} LOGIN")
    await connection.execute(f"GRANT USAGE ON SCHEMA engagement TO {role}")
    await connection.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA engagement TO {role}")
    await connection.execute(f"REVOKE INSERT ON engagement.outbox FROM {role}")
    scheme, _, rest = initialised.dsn.partition("://")
    done = check(initialised, ENGAGEMENT_POSTGRES_DSN=f"{scheme}://{role}@{rest.rpartition('@')[2]}")
    await connection.execute(f"DROP OWNED BY {role}")
    await connection.execute(f"DROP ROLE {role}")
    await connection.close()
    assert done.code == 3
    assert "INSERT on engagement.outbox" in texts(done, "rights", "problem")[0]
