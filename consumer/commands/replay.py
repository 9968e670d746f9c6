"""`engage replay`: a recorded trace, in its own time."""

import gzip
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from adapters.kafka.event_producer import EventProducer
from consumer.asking import ask_for_tick
from consumer.commands.activity_lines import ActivityTarget, read_events
from consumer.commands.clock import now
from consumer.commands.errors import UnusableInputError
from consumer.commands.event_loop import run_async
from consumer.commands.options import AsJson, Timeout, interval_option
from consumer.commands.output import CycleRecord, cycle_line, print_json, print_line, progress_bar
from consumer.commands.produce import BATCH_RECORDS
from consumer.commands.start import prepare
from consumer.commands.ticking import CycleWatch, open_cycle_watch, open_producer
from consumer.commands.trace import with_ticks
from consumer.settings import Settings
from domain.events import Tick
from domain.records import OutgoingRecord
from domain.times import format_time

File = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, readable=True, metavar="FILE", help="The trace; .gz is read too.")
]
TickEvery = Annotated[str, typer.Option(help="The interval of the ticks: 1h or 1d, say.")]

Lines = Iterable[bytes]


def replay(*, file: File, tick_every: TickEvery, timeout: Timeout = 300.0, as_json: AsJson = False) -> None:
    """Play a time-stamped trace of activity, with a tick at each multiple of an interval, and print the cycles.

    Lines are JSON events, or `user other-user unix-seconds`, where the first user acts. Events go out in the order of
    the file. The trace's own time is the latest time in it so far: the tick for a moment, in UTC, follows the events
    up to and including that moment, waits until the cycle before has ended, and precedes the first event behind it.
    The last tick is the first one at or after the latest event. An event that comes late in the file is delivered
    late.
    """
    interval = interval_option(tick_every, "--tick-every")
    settings = prepare()
    with _opened(file) as (lines, bytes_read), progress_bar() as progress:
        task = progress.add_task(file.name, total=file.stat().st_size)

        def show(cycle: CycleRecord) -> None:
            progress.update(task, completed=bytes_read())
            (print_json if as_json else _print_line)(cycle)

        target = ActivityTarget(settings.activity_topic, settings.limits, now)
        events = read_events(lines, str(file), target, columns=True)
        run_async(_replay(settings, with_ticks(events, interval), timeout, show))


async def _replay(
    settings: Settings,
    steps: Iterator[OutgoingRecord | datetime],
    timeout_seconds: float,
    show: Callable[[CycleRecord], None],
) -> None:
    async with AsyncExitStack() as context:
        watch = await context.enter_async_context(open_cycle_watch(settings, timeout_seconds))
        producer = await context.enter_async_context(open_producer(settings))
        async for cycle in play(producer, watch, settings.tick_topic, steps):
            show(cycle)


async def play(
    producer: EventProducer, watch: CycleWatch, tick_topic: str, steps: Iterable[OutgoingRecord | datetime]
) -> AsyncIterator[CycleRecord]:
    """Send the records, ask for the ticks between them, and give the cycle of each before going on."""
    waiting: list[OutgoingRecord] = []
    for step in steps:
        if isinstance(step, OutgoingRecord):
            waiting.append(step)
            if len(waiting) == BATCH_RECORDS:
                await producer.send(waiting)
                waiting = []
        else:
            await producer.send(waiting)
            waiting = []
            # Only what is acknowledged before the tick is sure to be in the state when the tick is evaluated.
            await producer.flush()
            yield await watch.cycle_of(await ask_for_tick(producer, tick_topic, Tick(format_time(step), step)))


@contextmanager
def _opened(file: Path) -> Iterator[tuple[Lines, Callable[[], int]]]:
    """The lines of the file, and how much of it, as it lies on disk, is read."""
    with file.open("rb") as raw:
        yield _unpacked(raw, file) if file.suffix == ".gz" else raw, raw.tell


def _unpacked(raw: BinaryIO, file: Path) -> Iterator[bytes]:
    try:
        with gzip.open(raw) as lines:
            yield from lines
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise UnusableInputError(f"{file} can't be unpacked: {error}.") from error


def _print_line(cycle: CycleRecord) -> None:
    print_line(cycle_line(cycle))
