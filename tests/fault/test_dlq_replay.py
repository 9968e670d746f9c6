"""Dead letters are sent back once each, whoever is killed and whoever does the same at the same time."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter

import pytest

from tests.conditions import until
from tests.harness.deployment import ROOT, Deployment
from tests.harness.feed import Feed
from tests.harness.halting import message_ids, shard_row
from tests.harness.letters import lying, put, rejected, replay, told
from tests.harness.waiting import stop

LETTERS = 1_200
"""Three transactions."""


async def fill(deployment: Deployment) -> None:
    await put(
        deployment,
        (
            rejected(deployment, b"{%d" % number, key=b"u%d" % (number % 50), partition=number % 4, offset=number)
            for number in range(LETTERS)
        ),
    )


async def sent_back(deployment: Deployment) -> Counter[int]:
    """How many of the letters are in the activity topic how often."""
    times = Counter(record.value for record in await lying(deployment, "activity"))
    assert set(times) <= {b"{%d" % number for number in range(LETTERS)}
    return Counter(times.values())


def start(deployment: Deployment, step: int, number: signal.Signals) -> subprocess.Popen[str]:
    """Begin a replay that is stopped right after the step."""
    environment = deployment.environment | {"ENGAGE_TEST_STEP": str(step), "ENGAGE_TEST_SIGNAL": number.name}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.harness.replaying"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def ended(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    out, err = await asyncio.to_thread(process.communicate, timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


async def wait_until_stopped(process: subprocess.Popen[str]) -> None:
    """Wait until the process has stopped itself."""

    async def check() -> bool:
        assert process.poll() is None, process.stderr and process.stderr.read()
        return _is_stopped(process.pid)

    await until(check, 60)


def _is_stopped(pid: int) -> bool:
    found, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
    return found == pid and os.WIFSTOPPED(status)


async def test_a_replay_that_is_killed_is_finished_by_the_next_one(deployment: Deployment) -> None:
    await fill(deployment)
    for step in (2, 3, 2):
        died = await ended(start(deployment, step, signal.SIGKILL))
        assert died.returncode == -signal.SIGKILL, died.stderr
    assert await replay(deployment) == told(LETTERS - 500, 500)
    assert await sent_back(deployment) == {1: LETTERS}
    assert await replay(deployment) == told(0, LETTERS)
    assert await sent_back(deployment) == {1: LETTERS}


async def test_a_replay_that_is_interrupted_ends_its_transaction_and_says_how_far_it_came(
    deployment: Deployment,
) -> None:
    await fill(deployment)
    done = await ended(start(deployment, 2, signal.SIGINT))
    assert done.returncode == 4, done.stderr
    assert done.stderr.splitlines() == [
        "500 dead letters were replayed. Repeat this for the rest: none is sent twice.",
        "Stopped before the end.",
    ]
    assert await replay(deployment) == told(LETTERS - 500, 500)
    assert await sent_back(deployment) == {1: LETTERS}


@pytest.mark.parametrize(("step", "committed"), [(1, 0), (2, 0), (3, 500)])
async def test_a_replay_that_is_overtaken_ends_and_sends_nothing_more(
    deployment: Deployment, step: int, committed: int
) -> None:
    await fill(deployment)
    first = start(deployment, step, signal.SIGSTOP)
    try:
        await wait_until_stopped(first)
        assert await replay(deployment) == told(LETTERS - committed, committed)
        first.send_signal(signal.SIGCONT)
        done = await ended(first)
    finally:
        first.kill()
    assert done.returncode == 4, done.stderr
    assert f"This one has replayed {committed} dead letters" in done.stderr
    assert await sent_back(deployment) == {1: LETTERS}


async def test_two_at_once_send_each_letter_once(deployment: Deployment) -> None:
    await fill(deployment)
    command = ("dlq", "replay", "--json")
    both = await asyncio.gather(*(asyncio.to_thread(deployment.engage, *command) for _ in range(2)))
    codes = sorted(done.returncode for done in both)
    assert codes in ([0, 0], [0, 4]), [done.stderr for done in both]
    assert await sent_back(deployment) == {1: LETTERS}
    assert await replay(deployment) == told(0, LETTERS)


async def test_shard_0_still_finds_its_marker_behind_thousands_of_replays(deployment: Deployment) -> None:
    await put(
        deployment,
        (rejected(deployment, b"{%d" % number, partition=3, offset=number) for number in range(10_000)),
    )
    users = [{"type": "user.active", "user_id": f"u{n}", "occurred_at": "2026-11-01T00:00:00Z"} for n in range(40)]
    async with Feed(deployment) as feed:
        await feed.activity(users)
    worker = deployment.start_worker()
    await asyncio.to_thread(tick, deployment, 6)
    await stop(worker)
    before = (await shard_row(deployment, 0))["confirmed"]
    assert before > 0

    assert await replay(deployment) == told(10_000)
    worker = deployment.start_worker()
    await asyncio.to_thread(tick, deployment, 10)
    await stop(worker)
    row = await shard_row(deployment, 0)
    assert (row["confirmed"] > before, row["halted_reason"]) == (True, None)
    assert Counter((await message_ids(deployment)).values()) == {1: 2 * len(users)}


def tick(deployment: Deployment, day: int) -> None:
    done = deployment.engage("tick", "--wait", "--at", f"2026-11-{day:02}T00:00:00Z")
    assert done.returncode == 0, done.stderr + "\n".join(worker.tail() for worker in deployment.workers)
