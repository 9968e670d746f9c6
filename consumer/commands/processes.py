"""Several workers on one machine, as children of one command: Python uses one core, a machine has more.

Each is what `engage run` is by itself, a member of the consumer group; Kafka shares the shards out. When one ends that
nobody asked to, all are ended: whoever watches the command then starts it anew, as with a single worker.
"""

import asyncio
import os
import sys
from collections.abc import Sequence

import structlog

from consumer.commands.event_loop import stop_on_signals
from consumer.settings import Settings
from consumer.settings.environment import variable

log = structlog.get_logger()

Worker = asyncio.subprocess.Process


async def run_workers(settings: Settings, number: int) -> int:
    """Run so many workers until one ends, or SIGTERM or SIGINT stops all of them. Returns the exit code."""
    with stop_on_signals() as stop:
        workers = [await _started(settings, place) for place in range(number)]
        waiting = [asyncio.create_task(worker.wait()) for worker in workers]
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([*waiting, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not stop.is_set():
            _report(workers)
        for worker in workers:
            if worker.returncode is None:
                worker.terminate()
        return max(_exit_code(code) for code in await asyncio.gather(*waiting))


async def _started(settings: Settings, place: int) -> Worker:
    """A worker in a session of its own, so that the interrupt of a terminal reaches it once, through its parent."""
    environment = os.environ | {variable("http_port"): _port(settings, place)}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "consumer.cli", "run", "--with-parent"),
        env=environment,
        # Its other end closes when this process ends, be it by kill -9: then the worker stops too.
        stdin=asyncio.subprocess.PIPE,
        start_new_session=True,
    )


def _port(settings: Settings, place: int) -> str:
    """The worker's own: the ports that follow the one of the settings, unless any free one will do."""
    if settings.http_port is None:
        return "off"
    return str(settings.http_port + place if settings.http_port else 0)


def _report(workers: Sequence[Worker]) -> None:
    for worker in workers:
        if worker.returncode is not None:
            log.error("worker_process_ended", pid=worker.pid, code=_exit_code(worker.returncode))


def _exit_code(code: int) -> int:
    """As a shell tells it: 128 and its number for the signal that ended a process."""
    return 128 - code if code < 0 else code
