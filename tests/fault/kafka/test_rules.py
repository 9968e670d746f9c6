"""A rule that raises for some users costs them the tick, and nobody else anything."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from typing import Any

from tests.fault.kafka.raising import UNLUCKY
from tests.foreign import read_topic
from tests.harness.deployment import ROOT, Deployment, Worker
from tests.harness.feed import Feed, wait_for_cycles
from tests.harness.http import Http
from tests.harness.waiting import stop, wait_for_event, wait_until_cycles

USERS = [f"u{number}" for number in range(40)]


async def test_users_for_whom_a_rule_raises_wait_for_a_sound_one_and_the_others_do_not(deployment: Deployment) -> None:
    deployment.variables = {"HTTP_PORT": "0", "MESSAGE_FREQUENCY_HOURS": "24"}
    async with Feed(deployment) as feed:
        await feed.activity(event(user) for user in USERS)
        worker = start_raising(deployment)
        [listening] = await wait_for_event(worker, "http_listening")
        for day in (2, 4):
            await feed.tick(f"2024-05-{day:02}T12:00:00Z")
            await wait_until_cycles(deployment, day // 2)
        said = await wait_for_event(worker, "users_undecided")
        assert {line["error"] for line in said} == {"ZeroDivisionError"}
        assert sum(line["users"] for line in said) == 2 * len(UNLUCKY)
        assert not any(user in json.dumps(line) for line in said for user in ("u3 ", "u17 ", *map(json.dumps, UNLUCKY)))
        assert "engagement_undecided_users_total 4.0" in Http(listening["port"]).get("/metrics").text
        await stop(worker)

        sound = deployment.start_worker()
        await feed.tick("2024-05-06T12:00:00Z")
        await wait_until_cycles(deployment, 3)
        await stop(sound)
    cycles = await wait_for_cycles(deployment, 3)
    assert [cycle["messages_sent"] for cycle in cycles] == [len(USERS) - len(UNLUCKY)] * 2 + [len(USERS)]
    assert {cycle["total_users"] for cycle in cycles} == {len(USERS)}
    records = await asyncio.to_thread(read_topic, deployment.kafka, deployment.topic("messages"))
    messaged = Counter(json.loads(record.value or b"")["user_id"] for record in records)
    assert messaged == Counter({user: 1 if user in UNLUCKY else 3 for user in USERS})


def event(user: str) -> dict[str, Any]:
    return {"type": "user.active", "user_id": user, "occurred_at": "2024-05-01T00:00:00Z"}


def start_raising(deployment: Deployment) -> Worker:
    log = deployment.folder / "raising.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fault.kafka.raising"],
            cwd=ROOT,
            env=deployment.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    worker = Worker("raising", process, log, log.with_suffix(".crash"))
    deployment.workers.append(worker)
    return worker
