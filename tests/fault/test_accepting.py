"""An operator lets a halted shard go on: what is lost or repeated is said before, and nothing else is."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.foreign import produce
from tests.harness.deployment import ROOT, Deployment
from tests.harness.feed import Feed
from tests.harness.halting import (
    delete_records,
    ends,
    halted,
    message_ids,
    recreate_topic,
    shard_row,
    sql,
    wait_until_halted,
    wait_until_read,
)
from tests.harness.waiting import stop, wait_for_death, wait_until_cycles

USERS = [f"u{number}" for number in range(60)]
SHARD = 2
"""The shard that is halted."""


def events(day: int) -> list[dict[str, Any]]:
    """Every user acts on that day of November."""
    at = f"2026-11-{day:02}T00:00:00Z"
    return [{"type": "user.active", "user_id": user, "occurred_at": at} for user in USERS]


def tick(deployment: Deployment, day: int) -> None:
    """All users get a message: they are silent for days, and were not messaged for days."""
    done = deployment.engage("tick", "--wait", "--json", "--at", f"2026-11-{day:02}T00:00:00Z")
    assert done.returncode == 0, done.stderr + "\n".join(worker.tail() for worker in deployment.workers)
    assert json.loads(done.stdout)["messages_sent"] == len(USERS)


def accept(deployment: Deployment, shard: int, *arguments: str) -> dict[str, Any]:
    done = deployment.engage("shard", "accept", str(shard), "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


async def messages_logged(deployment: Deployment, shard: int) -> int:
    [row] = await sql(deployment, "SELECT count(*) FROM message WHERE shard = $1", shard)
    return int(row["count"])


def everything_once(times: int) -> Counter[int]:
    """How many messages are visible how often, when every user got so many messages, each once."""
    return Counter({1: times * len(USERS)})


@pytest.fixture
async def feed(deployment: Deployment) -> AsyncIterator[Feed]:
    async with Feed(deployment) as feed:
        yield feed


@pytest.fixture
async def messaged(deployment: Deployment, feed: Feed) -> Deployment:
    """Every user got a message on the sixth; no worker runs any more."""
    await feed.activity(events(1))
    worker = deployment.start_worker()
    await asyncio.to_thread(tick, deployment, 6)
    await stop(worker)
    return deployment


async def test_the_dry_run_changes_nothing_and_yes_lets_the_running_worker_take_the_shard_again(
    messaged: Deployment, feed: Feed
) -> None:
    await feed.activity(events(2))
    gone = (await shard_row(messaged, SHARD))["position"]
    await delete_records(messaged, "activity", SHARD, gone + 5)
    worker = messaged.start_worker()
    await wait_until_halted(messaged, SHARD)
    await wait_until_read(messaged, except_for=SHARD)
    checked = await asyncio.to_thread(messaged.engage, "check")
    assert checked.returncode == 3
    [trouble] = [line for line in checked.stdout.splitlines() if line.startswith("problem")]
    assert f"shard {SHARD} is halted" in trouble
    assert f"`engage shard accept {SHARD}`" in trouble
    before = await shard_row(messaged, SHARD), await ends(messaged, "progress")

    text = await asyncio.to_thread(messaged.engage, "shard", "accept", str(SHARD))
    assert text.returncode == 0, text.stderr
    assert f"LOST: the activity records at offsets {gone} to {gone + 4}, at most 5" in text.stdout
    assert f"Nothing was changed. To do this: engage shard accept {SHARD} --yes" in text.stdout
    foreseen = await asyncio.to_thread(accept, messaged, SHARD)
    assert (await shard_row(messaged, SHARD), await ends(messaged, "progress")) == before

    done = await asyncio.to_thread(accept, messaged, SHARD, "--yes")
    assert done == foreseen | {"done": True}
    assert done["position"] == {"found": gone, "finding": "gone", "after": gone + 5}
    await wait_until_read(messaged)
    await asyncio.to_thread(tick, messaged, 10)
    await stop(worker)
    assert Counter((await message_ids(messaged)).values()) == everything_once(2)


async def test_lost_markers_cost_nothing_while_the_messages_are_still_there(messaged: Deployment) -> None:
    await recreate_topic(messaged, "progress", settings={"cleanup.policy": "compact"})
    worker = messaged.start_worker()
    asked = await asyncio.to_thread(messaged.engage, "tick", "--wait", "--at", "2026-11-10T00:00:00Z")
    assert asked.returncode == 4, "a shard notices when it is to publish, and its cycle does not end"
    await wait_until_halted(messaged, *range(messaged.partitions))
    for shard in range(messaged.partitions):
        row = await shard_row(messaged, shard)
        foreseen = await asyncio.to_thread(accept, messaged, shard)
        assert foreseen["marker"] == {"found": 0, "finding": "behind", "after": row["confirmed"]}
        assert foreseen["account"]["unmarked"] == await messages_logged(messaged, shard)
        await asyncio.to_thread(accept, messaged, shard, "--yes")
    await wait_until_cycles(messaged, 2)
    await asyncio.to_thread(tick, messaged, 14)
    await stop(worker)
    assert Counter((await message_ids(messaged)).values()) == everything_once(3)


async def test_an_older_state_repeats_the_messages_of_the_ticks_it_has_forgotten(
    messaged: Deployment, postgres_admin_dsn: str, unique: str
) -> None:
    backup = f"backup_{unique.replace('-', '_')}"
    name = messaged.dsn.rpartition("/")[2]
    admin = await asyncpg.connect(postgres_admin_dsn)
    await admin.execute(f'CREATE DATABASE "{backup}" TEMPLATE "{name}"')
    worker = messaged.start_worker()
    await asyncio.to_thread(tick, messaged, 10)
    await stop(worker)

    messaged.dsn = messaged.dsn.removesuffix(name) + backup
    worker = messaged.start_worker()
    await wait_until_halted(messaged, 0, 1, 2, 3)
    for shard in range(messaged.partitions):
        foreseen = await asyncio.to_thread(accept, messaged, shard)
        assert foreseen["marker"]["finding"] == "ahead"
        assert any("REPEATED, perhaps: Postgres has forgotten" in line for line in foreseen["explanation"])
        await asyncio.to_thread(accept, messaged, shard, "--yes")
    await wait_until_cycles(messaged, 3)
    await asyncio.to_thread(tick, messaged, 14)
    await stop(worker)
    times = await message_ids(messaged)
    await admin.execute(f'DROP DATABASE "{backup}" WITH (FORCE)')
    await admin.close()
    assert Counter(times.values()) == {1: 2 * len(USERS), 2: len(USERS)}, "those of the tenth have their id again"


async def test_a_recreated_topic_is_read_from_its_beginning(messaged: Deployment) -> None:
    await recreate_topic(messaged, "activity")
    async with Feed(messaged) as feed:
        await feed.activity(events(2)[: len(USERS) // 2])
    # A worker asks for a minute before it halts such a shard.
    await sql(messaged, "UPDATE shard SET halted_reason = 'position beyond the end', halted_at = now()")
    worker = messaged.start_worker()
    for shard in range(messaged.partitions):
        found = await asyncio.to_thread(accept, messaged, shard)
        assert (found["position"]["finding"], found["position"]["after"]) == ("beyond", 0)
        await asyncio.to_thread(accept, messaged, shard, "--yes")
    await wait_until_read(messaged)
    await asyncio.to_thread(tick, messaged, 10)
    await stop(worker)
    assert Counter((await message_ids(messaged)).values()) == everything_once(2)


async def test_only_what_a_lost_entry_held_is_never_sent(messaged: Deployment) -> None:
    dying = messaged.start_worker(crash="publish 2|after|1", chunk_users=4)
    await asyncio.to_thread(messaged.engage, "tick", "--at", "2026-11-10T00:00:00Z")
    await wait_for_death(dying)
    [lost] = await sql(
        messaged,
        "DELETE FROM outbox WHERE (shard, sequence) IN (SELECT shard, max(sequence) FROM outbox GROUP BY shard LIMIT 1)"
        " RETURNING shard, sequence",
    )
    shard, sequence = lost["shard"], lost["sequence"]
    [row] = await sql(messaged, "SELECT count(*) FROM message WHERE shard = $1 AND sequence = $2", shard, sequence)
    worker = messaged.start_worker()
    await wait_until_halted(messaged, shard)
    found = await asyncio.to_thread(accept, messaged, shard)
    assert (found["holes"], found["account"]["lost"]) == ([sequence], row["count"])
    assert row["count"] > 0
    await asyncio.to_thread(accept, messaged, shard, "--yes")
    await wait_until_cycles(messaged, 2)
    await asyncio.to_thread(tick, messaged, 14)
    await stop(worker)
    assert Counter((await message_ids(messaged)).values()) == {1: 3 * len(USERS) - row["count"]}


@pytest.mark.parametrize("step", [1, 2, 3, 4])
async def test_an_acceptance_that_dies_leaves_the_shard_halted_or_is_done(messaged: Deployment, step: int) -> None:
    await spoil_marker(messaged)
    died = await asyncio.to_thread(accept_and_die, messaged, step)
    assert died.returncode == -9, died.stderr
    if step < 4:
        assert set(await halted(messaged)) == {SHARD}
        await asyncio.to_thread(accept, messaged, SHARD, "--yes")
    assert await halted(messaged) == {}
    worker = messaged.start_worker()
    await asyncio.to_thread(tick, messaged, 10)
    await stop(worker)
    assert Counter((await message_ids(messaged)).values()) == everything_once(2)


async def test_two_operators_at_once_do_no_harm(messaged: Deployment) -> None:
    await spoil_marker(messaged)
    command = ("shard", "accept", str(SHARD), "--yes")
    both = await asyncio.gather(*(asyncio.to_thread(messaged.engage, *command) for _ in range(2)))
    assert {done.returncode for done in both} <= {0, 4}, [done.stderr for done in both]
    if await halted(messaged):
        await asyncio.to_thread(accept, messaged, SHARD, "--yes")
    worker = messaged.start_worker()
    await asyncio.to_thread(tick, messaged, 10)
    await stop(worker)
    assert Counter((await message_ids(messaged)).values()) == everything_once(2)


async def test_what_is_not_halted_is_refused(messaged: Deployment) -> None:
    for shard, words in ((SHARD, "is not halted"), (99, "There is no shard 99")):
        for arguments in ([], ["--yes"]):
            done = messaged.engage("shard", "accept", str(shard), *arguments)
            assert done.returncode == 4
            assert words in done.stderr
            assert done.stdout == ""


async def spoil_marker(deployment: Deployment) -> None:
    """Somebody else writes to the progress topic; a worker halts the shard for it when it is to publish."""
    topic = deployment.topic("progress")
    await asyncio.to_thread(produce, deployment.kafka, topic, b"none", key=str(SHARD), partition=SHARD)
    await sql(deployment, "UPDATE shard SET halted_reason = 'unreadable', halted_at = now() WHERE shard = $1", SHARD)


def accept_and_die(deployment: Deployment, step: int) -> subprocess.CompletedProcess[str]:
    """Accept the shard in a process that is killed right after the step."""
    environment = deployment.environment | {"ENGAGE_TEST_SHARD": str(SHARD), "ENGAGE_TEST_STEP": str(step)}
    return subprocess.run(
        [sys.executable, "-m", "tests.harness.accepting"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
