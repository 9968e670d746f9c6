"""`engage tick` and `engage ticker`: asking for evaluations."""

import asyncio
import contextlib
from datetime import timedelta
from typing import Annotated

import structlog
import typer

from adapters.codec.fields import LABEL_RULE, is_label
from consumer.asking import AskedTick, ask_for_tick
from consumer.commands.clock import now
from consumer.commands.durations import multiple_from
from consumer.commands.event_loop import run_async, stop_on_signals
from consumer.commands.options import AsJson, Timeout, interval_option, time_option
from consumer.commands.output import CycleRecord, print_cycle, print_json, print_line
from consumer.commands.start import prepare
from consumer.commands.ticking import open_cycle_watch, open_producer
from consumer.settings import Settings
from domain.errors import TransientError
from domain.events import Tick
from domain.times import format_time
from domain.users import MICROSECOND

log = structlog.get_logger()

At = Annotated[
    str | None,
    typer.Option(
        help='The tick\'s time, such as 2026-11-22T10:00:00Z: the only "now" that the rules see. By default now.'
    ),
]
Label = Annotated[str | None, typer.Option("--id", help="A label for the tick; by default its time.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until every shard has evaluated it, and print the cycle.")]
Every = Annotated[str, typer.Option(help="The interval: 60s, 15m, 1h or 1d, say.")]


def tick(
    *, at: At = None, label: Label = None, wait: Wait = False, timeout: Timeout = 60.0, as_json: AsJson = False
) -> None:
    """Ask for an evaluation of every user."""
    time = now() if at is None else time_option(at, "--at")
    tick_id = next(text for text in (label, at, format_time(time)) if text is not None)
    if not is_label(tick_id):
        raise typer.BadParameter(LABEL_RULE, param_hint="--id")
    wanted = Tick(tick_id, time)
    settings = prepare()
    if wait:
        cycle = run_async(_cycle_of(settings, wanted, timeout))
        (print_json if as_json else print_cycle)(cycle)
        return
    asked = run_async(_ask(settings, wanted))
    if as_json:
        print_json({"tick_id": wanted.tick_id, "at": format_time(wanted.at), "offset": asked.offset})
    else:
        print_line(f"Asked for tick {wanted.tick_id}.")


async def _ask(settings: Settings, wanted: Tick) -> AskedTick:
    async with open_producer(settings) as producer:
        return await ask_for_tick(producer, settings.tick_topic, wanted)


async def _cycle_of(settings: Settings, wanted: Tick, timeout_seconds: float) -> CycleRecord:
    async with open_cycle_watch(settings, timeout_seconds) as watch, open_producer(settings) as producer:
        return await watch.cycle_of(await ask_for_tick(producer, settings.tick_topic, wanted))


def ticker(*, every: Every) -> None:
    """Ask for an evaluation at every multiple of an interval, until SIGTERM or SIGINT.

    Several may run, on several machines: of ticks for the same moment the first counts, the others are stale.
    """
    interval = interval_option(every, "--every")
    run_async(_tick_for_ever(prepare(), interval))


async def _tick_for_ever(settings: Settings, interval: timedelta) -> None:
    with stop_on_signals() as stop:
        async with open_producer(settings):
            pass  # the start is the time to hear of a wrong address
        log.info("ticker_started", every_seconds=interval.total_seconds())
        at = multiple_from(now(), interval)
        while not await _stopped_before(stop, (at - now()).total_seconds()):
            try:
                await _ask(settings, Tick(format_time(at), at))
                log.info("tick_produced", tick_id=format_time(at))
            except TransientError as error:
                # The next tick evaluates what this one would have.
                log.warning("tick_failed", tick_id=format_time(at), reason=str(error))
            at = multiple_from(max(now(), at + MICROSECOND), interval)


async def _stopped_before(stop: asyncio.Event, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(seconds, 0)):
            await stop.wait()
    return stop.is_set()
