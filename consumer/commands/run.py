"""`engage run`: the service."""

import asyncio
import contextlib
import os
import sys

import structlog

from consumer.commands.event_loop import run_async, stop_on_signals
from consumer.commands.start import once_reachable, prepare
from consumer.settings import Settings
from consumer.wiring import open_service

log = structlog.get_logger()

# A stop is promised within 10 s; the rest is for what Python itself does at its end.
DRAIN_SECONDS = 8.5
_CANCEL_SECONDS = 0.5


def run() -> None:
    """Run the service until SIGTERM or SIGINT; it then ends what is under way within 10 s.

    As many may run as the activity topic has partitions: they share them.
    """
    settings = prepare()
    for remark in settings.remarks():
        log.warning("settings_remarked", remark=remark)
    run_async(_run(settings))


async def _run(settings: Settings) -> None:
    with stop_on_signals() as stop:
        opened = asyncio.Event()
        serving = asyncio.create_task(_serve(settings, stop, opened), name="serve")
        stopping = asyncio.create_task(stop.wait(), name="wait for a signal")
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if opened.is_set():
            await asyncio.wait({serving}, timeout=DRAIN_SECONDS)
        serving.cancel()
        await asyncio.wait({serving}, timeout=_CANCEL_SECONDS)
        if not serving.done():
            _leave_at_once()
        with contextlib.suppress(asyncio.CancelledError):
            serving.result()


async def _serve(settings: Settings, stop: asyncio.Event, opened: asyncio.Event) -> None:
    async with contextlib.AsyncExitStack() as context:
        service = await once_reachable(settings, lambda: context.enter_async_context(open_service(settings)))
        opened.set()
        await service.run(stop)


def _leave_at_once() -> None:
    """Kafka or Postgres doesn't answer, and nothing that is still under way matters: a restart is always safe."""
    log.warning("stop_cut_short")
    sys.stderr.flush()
    os._exit(0)
