"""`engage run`: the service."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Annotated

import structlog
import typer

from consumer import metrics
from consumer.commands.collector import collect_rarely
from consumer.commands.errors import exit_code
from consumer.commands.event_loop import run_async, stop_on_signals, stop_when_stdin_ends
from consumer.commands.processes import run_workers
from consumer.commands.start import once_reachable, prepare
from consumer.http.opening import open_http
from consumer.settings import Settings, with_origins
from consumer.wiring import Tuning, open_service
from consumer.worker import gravest
from domain.errors import StuckError

log = structlog.get_logger()

# A stop is promised within 10 s; the rest is for what Python itself does at its end.
DRAIN_SECONDS = 8.5
_CANCEL_SECONDS = 0.5


Processes = Annotated[
    int,
    typer.Option(min=1, help="Run so many workers on this machine; each has its own of the ports from HTTP_PORT on."),
]
WithParent = Annotated[bool, typer.Option("--with-parent", hidden=True)]


def run(*, processes: Processes = 1, with_parent: WithParent = False) -> None:
    """Run the service until SIGTERM or SIGINT; it then ends what is under way within 10 s.

    As many may run as the activity topic has partitions: they share them.
    """
    settings = prepare()
    if processes == 1:
        run_service(settings, Tuning(), with_parent=with_parent)
    elif code := run_async(run_workers(settings, processes)):
        raise typer.Exit(code)


def run_service(settings: Settings, tuning: Tuning, *, with_parent: bool = False) -> None:
    """What ``run`` does with these settings. Raises the errors that have exit codes, and what is a defect.

    ``with_parent``: until stdin ends, too, whose other end a parent holds.
    """
    for remark in settings.remarks():
        log.warning("settings_remarked", remark=with_origins(remark))
    metrics.count_retries()
    metrics.build_info.labels(version("engagement-engine")).set(1)
    collect_rarely()
    run_async(_run(settings, tuning, with_parent=with_parent))


async def _run(settings: Settings, tuning: Tuning, *, with_parent: bool) -> None:
    with stop_on_signals() as stop:
        if with_parent:
            stop_when_stdin_ends(stop)
        opened = asyncio.Event()
        serving = asyncio.create_task(_serve(settings, tuning, stop, opened), name="serve")
        stopping = asyncio.create_task(stop.wait(), name="wait for a signal")
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if opened.is_set():
            await asyncio.wait({serving}, timeout=DRAIN_SECONDS)
        serving.cancel()
        await asyncio.wait({serving}, timeout=_CANCEL_SECONDS)
        if not serving.done():
            _leave_at_once(0)
        with contextlib.suppress(asyncio.CancelledError):
            serving.result()


async def _serve(settings: Settings, tuning: Tuning, stop: asyncio.Event, opened: asyncio.Event) -> None:
    async with open_http(settings, stop) as health, contextlib.AsyncExitStack() as context:
        running = await once_reachable(settings, lambda: context.enter_async_context(open_service(settings, tuning)))
        opened.set()
        health.service = running.service
        try:
            async with asyncio.TaskGroup() as tasks:
                beside = [tasks.create_task(_beside(run), name=run.__qualname__) for run in running.beside]
                await running.service.run(stop)
                for task in beside:
                    task.cancel()
        except BaseExceptionGroup as errors:
            raise gravest(errors) from errors
        finally:
            health.service = None


async def _beside(run: Callable[[], Awaitable[None]]) -> None:
    try:
        await run()
    except StuckError as error:
        log.error("stuck", reason=str(error))  # noqa: TRY400 - the trace of the watchdog tells nothing
        # What is stuck may not end either.
        asyncio.get_running_loop().call_later(DRAIN_SECONDS, _leave_at_once, exit_code(error))
        raise


def _leave_at_once(code: int) -> None:
    """Something doesn't end, and nothing that is still under way matters: a restart is always safe."""
    log.warning("stop_cut_short")
    sys.stderr.flush()
    os._exit(code)
