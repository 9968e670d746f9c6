"""Postgres comes back as it was at its last backup, or Kafka comes back empty: what halts, and how life goes on.

Both are played as docs/operations.md says: `engage check` names what is wrong, `engage shard accept` lets each shard go
on. Nothing is guessed before that.
"""

import asyncio
import json
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from deploy.local.kafka import KafkaBroker
from deploy.local.postgres import find_binaries
from deploy.local.stack import DEFAULT_POSTGRES_VERSION
from tests.harness.deployment import Deployment
from tests.harness.feed import Feed
from tests.harness.halting import ends, halted, message_ids, sql, wait_until_halted, wait_until_read
from tests.harness.temporary import Services, side_by_side, temporary_deployment
from tests.harness.waiting import stop

USERS = [f"u{number}" for number in range(40)]
PARTITIONS = 2
SHARDS = range(PARTITIONS)


@pytest.fixture(scope="module")
async def stories(services: Services) -> AsyncIterator[dict[str, "asyncio.Task[None]"]]:
    """Both at once: they mostly wait."""
    jobs = {story.__name__: partial(story, services) for story in (restored_postgres, empty_kafka)}
    async with side_by_side(jobs, len(jobs)) as tasks:
        yield tasks


async def test_after_a_restore_of_postgres_only_what_it_forgot_is_repeated_with_the_same_ids(
    stories: dict[str, "asyncio.Task[None]"],
) -> None:
    await stories["restored_postgres"]


async def test_an_empty_kafka_takes_the_place_of_a_lost_one_without_a_second_message(
    stories: dict[str, "asyncio.Task[None]"],
) -> None:
    await stories["empty_kafka"]


async def restored_postgres(services: Services) -> None:
    """The backup knows of day 6; the messages of day 10 were sent after it."""
    async with temporary_deployment(services, "restored", partitions=PARTITIONS, variables={}) as deployment:
        await everybody_acts(deployment, day=1)
        await run_and_tick(deployment, day=6)
        backup = deployment.folder / "backup.dump"
        await postgres_tool(services, "pg_dump", "--format=custom", f"--file={backup}", deployment.dsn)
        await run_and_tick(deployment, day=10)
        sent = await message_ids(deployment)

        restore = ["--clean", "--if-exists", "--exit-on-error", f"--dbname={deployment.dsn}", str(backup)]
        await postgres_tool(services, "pg_restore", *restore)
        worker = deployment.start_worker()
        # A shard with nothing to publish looks at its marker before it publishes again, and that is at the next tick.
        await asyncio.to_thread(deployment.engage, "tick", "--at", "2026-11-14T00:00:00Z")
        await wait_until_halted(deployment, *SHARDS)
        assert await message_ids(deployment) == sent, "nothing is published on a guess"
        for shard in SHARDS:
            assert "REPEATED" in await accepted(deployment, shard)
        await asyncio.to_thread(tick, deployment, 18, len(USERS))
        await stop(worker)
        times = await message_ids(deployment)
        assert {times[message] for message in sent} <= {1, 2}
        # On day 14 everybody was due once more by what the backup knows, and on day 18 again.
        assert Counter(times.values())[1] >= len(USERS)
        assert set(times.values()) <= {1, 2}


async def empty_kafka(services: Services) -> None:
    """All topics are gone with the brokers; Postgres knows who was messaged."""
    async with temporary_deployment(services, "lost-kafka", partitions=PARTITIONS, variables={}) as deployment:
        await everybody_acts(deployment, day=1)
        await run_and_tick(deployment, day=6)
        with ExitStack() as stack:
            broker = KafkaBroker(deployment.folder / "kafka")
            stack.callback(broker.stop)
            broker.start()
            moved = replace(deployment, kafka=broker.bootstrap_servers, workers=[])
            stack.callback(moved.stop)
            await after_the_loss(moved)


async def after_the_loss(deployment: Deployment) -> None:
    await asyncio.to_thread(deployment.init)
    worker = deployment.start_worker(module="tests.harness.impatient")
    await wait_until_halted(deployment, *SHARDS, seconds=120)
    check = await asyncio.to_thread(deployment.engage, "check")
    assert check.returncode == 3
    assert "shard 0 is halted" in check.stdout
    assert "beyond the end of the tick topic" in check.stdout
    [judged] = await sql(deployment, "SELECT tick_next FROM deployment")
    told = [await accepted(deployment, shard) for shard in SHARDS]
    assert f"Empty records, {judged['tick_next']} of them" in told[0]
    assert "Empty records" not in told[1], "the first one has written them"
    assert (await ends(deployment, "ticks", 1))[0] == judged["tick_next"]
    await wait_until_read(deployment)
    # Nobody has acted since, and all were messaged on day 6: the state is as it was, so nobody is due before day 7.
    await asyncio.to_thread(tick, deployment, 6, 0, "23:59:59")
    await asyncio.to_thread(tick, deployment, 10, len(USERS))
    await stop(worker)
    assert await halted(deployment) == {}
    assert Counter((await message_ids(deployment)).values()) == Counter({1: len(USERS)})


async def everybody_acts(deployment: Deployment, day: int) -> None:
    at = f"2026-11-{day:02}T00:00:00Z"
    async with Feed(deployment) as feed:
        await feed.activity({"type": "user.active", "user_id": user, "occurred_at": at} for user in USERS)


async def run_and_tick(deployment: Deployment, day: int) -> None:
    """Everybody gets a message."""
    worker = deployment.start_worker()
    await asyncio.to_thread(tick, deployment, day, len(USERS))
    await stop(worker)


def tick(deployment: Deployment, day: int, messages: int, time: str = "00:00:00") -> None:
    done = deployment.engage("tick", "--wait", "--json", "--at", f"2026-11-{day:02}T{time}Z")
    assert done.returncode == 0, done.stderr + "\n".join(worker.tail() for worker in deployment.workers)
    assert json.loads(done.stdout)["messages_sent"] == messages


async def accepted(deployment: Deployment, shard: int) -> str:
    """Let the shard go on; returns what the operator was told, which is what the dry run told before."""
    dry, done = [await asyncio.to_thread(accept, deployment, shard, *arguments) for arguments in ((), ("--yes",))]
    assert dry["explanation"] == done["explanation"]
    return "\n".join(done["explanation"])


def accept(deployment: Deployment, shard: int, *arguments: str) -> dict[str, Any]:
    done = deployment.engage("shard", "accept", str(shard), "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


async def postgres_tool(services: Services, name: str, *arguments: str) -> None:
    tool: Path = find_binaries(DEFAULT_POSTGRES_VERSION) / name
    await asyncio.to_thread(subprocess.run, [str(tool), *arguments], check=True, capture_output=True)
