"""Waiting for what workers do, bounded; a worker that doesn't do it fails the test with the end of its log."""

import asyncio
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.conditions import eventually
from tests.harness.deployment import Deployment, Worker
from tests.harness.feed import Feed, wait_for_cycles

# A start, a session timeout and a tick take ten seconds on an idle machine; several deployments share this one.
SECONDS = 90.0


async def wait_for_death(worker: Worker) -> str:
    """Wait until the worker's crash point has ended it; returns that point."""
    try:
        await asyncio.to_thread(worker.process.wait, SECONDS)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"{worker.name} did not reach its crash point\n{worker.tail()}") from None
    assert worker.crashed_at is not None, f"{worker.name} ended by itself\n{worker.tail()}"
    return worker.crashed_at


async def wait_for_pause(worker: Worker) -> str:
    """Wait until the worker has stopped itself at its crash point; returns that point."""
    await _wait_until(worker, "reached its crash point", lambda: worker.crashed_at is not None)
    return worker.crashed_at or ""


async def wait_for_event(worker: Worker, name: str, number: int = 1) -> list[dict[str, Any]]:
    """Wait until the worker's log holds so many lines of this event; returns them."""
    await _wait_until(worker, f"logged {name} {number} times", lambda: len(worker.events(name)) >= number)
    return worker.events(name)


async def wait_until_taken_in(worker: Worker, feed: Feed) -> None:
    """Wait until the worker of a deployment with one shard has all activity in the state."""
    topic = feed.activity_topic
    end = max(record.offset for record in feed.produced if record.topic == topic) + 1
    await _wait_until(
        worker,
        f"taken in everything up to {end}",
        lambda: any(batch["position"] == end for batch in worker.events("batch_committed")),
    )


async def wait_until_cycles(deployment: Deployment, number: int) -> None:
    """Wait until so many cycles are published; see ``wait_for_cycles``."""
    try:
        await wait_for_cycles(deployment, number, SECONDS)
    except TimeoutError:
        logs = "\n".join(worker.tail() for worker in deployment.workers)
        raise AssertionError(f"there were not {number} cycles within {SECONDS:g} s\n{logs}") from None


async def stop(worker: Worker) -> None:
    """SIGTERM, once the worker has begun; it must end cleanly.

    A process that is still loading its modules dies of the signal, and another worker may have done all there was.
    """
    await _wait_until(worker, "begun to listen to signals", lambda: not worker.running or _listens(worker))
    code = await asyncio.to_thread(worker.stop)
    assert code == 0, f"{worker.name} ended with {code}\n{worker.tail()}"


def _listens(worker: Worker) -> bool:
    status = Path(f"/proc/{worker.process.pid}/status").read_text(encoding="ascii")
    caught = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(caught >> (signal.SIGTERM - 1) & 1)


async def _wait_until(worker: Worker, what: str, condition: Callable[[], bool]) -> None:
    async def check() -> None:
        assert condition(), f"{worker.name} has not {what}"

    try:
        await eventually(check, SECONDS)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{worker.tail()}") from None
