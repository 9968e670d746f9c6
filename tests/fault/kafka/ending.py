"""`engage run` as an operator starts it, and how it ends by itself when a person must put something right."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from tests.campaigns.outage_scene import PARTITIONS, Scene
from tests.harness.deployment import Deployment, Worker
from tests.harness.waiting import SECONDS, stop, wait_for_event

MISCONFIGURED = 3


async def runs(scene: Scene) -> Worker:
    """The command, in place of the worker that ended before; it has all shards when this returns."""
    scene.deployment.workers.clear()
    worker = start_command(scene.deployment)
    await wait_for_event(worker, "shard_taken_over", PARTITIONS)
    return worker


async def is_replaced(scene: Scene) -> None:
    """The command is stopped in order, and started again."""
    await stop(scene.worker)
    await runs(scene)


def start_command(deployment: Deployment) -> Worker:
    """`engage run`, with all that it says in the log."""
    log = deployment.folder / f"run-{len(list(deployment.folder.iterdir()))}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / "engage"), "run"],
            env=deployment.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    worker = Worker(log.stem, process, log, log.with_suffix(".crash"))
    deployment.workers.append(worker)
    return worker


async def ends_misconfigured(worker: Worker) -> str:
    """Wait until the worker ends by itself for that; returns what it says to a person, in one line."""
    try:
        code = await asyncio.to_thread(worker.process.wait, SECONDS)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"{worker.name} goes on\n{worker.tail()}") from None
    assert code == MISCONFIGURED, f"{worker.name} ended with {code}\n{worker.tail()}"
    lines = worker.log.read_text(encoding="utf-8").splitlines()
    assert all(is_event(line) for line in lines[:-1]), worker.tail()
    return lines[-1]


def is_event(line: str) -> bool:
    """Whether it is a line of the log, without a stack trace in it."""
    return line.startswith("{") and not json.loads(line).get("exception")
