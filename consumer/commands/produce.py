"""`engage produce`: test events."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from adapters.kafka.event_producer import EventProducer
from consumer.commands.activity_lines import ActivityTarget, read_events
from consumer.commands.clock import now
from consumer.commands.crowd import crowd
from consumer.commands.event_loop import run_async
from consumer.commands.options import AsJson, time_option
from consumer.commands.output import print_json, print_line, progress_bar
from consumer.commands.start import prepare
from consumer.commands.ticking import open_producer
from consumer.settings import Settings
from domain.events import Activity
from domain.records import OutgoingRecord

# Records handed to the client at a time: many are cheap, and a lost connection repeats no more than these.
BATCH_RECORDS = 1_000
# Of a rate, a batch is what falls into this time, so that the rate is kept evenly.
_RATE_SECONDS = 0.1
_STDIN = Path("-")

UserId = Annotated[str | None, typer.Option(help="One event of this user.")]
Name = Annotated[str | None, typer.Option(help="With --user-id: make it a registration under this name.")]
At = Annotated[str | None, typer.Option(help="When it happened; of a crowd, when its time ends. By default now.")]
CrowdSize = Annotated[
    int | None,
    typer.Option("--crowd", min=1, max=5_000_000, help="Events of so many generated users, some 20 of each."),
]
Seed = Annotated[int, typer.Option(help="With --crowd: another seed gives another crowd.")]
Days = Annotated[int, typer.Option(min=1, max=3_650, help="With --crowd: how long its history is.")]
Rate = Annotated[float | None, typer.Option(min=0.001, help="Events a second; by default as fast as they go.")]
File = Annotated[Path | None, typer.Option("--file", metavar="FILE", help="The JSON lines of this file; - is stdin.")]


@dataclass(frozen=True, slots=True)
class _Source:
    """Records to send, and how far they are through: ``done`` of ``total``, which is None where nobody knows."""

    records: Iterator[OutgoingRecord]
    total: float | None
    done: Callable[[], float]


def produce(  # noqa: PLR0913 - an option each
    *,
    user_id: UserId = None,
    name: Name = None,
    at: At = None,
    crowd_size: CrowdSize = None,
    seed: Seed = 1,
    days: Days = 30,
    rate: Rate = None,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Produce activity for a try: one user's, a generated crowd's, or that of a file.

    A crowd behaves like a real one: day and week, a few who do most, many who leave, some who come back, some who never
    register, a few late events. It comes in the order of its own time, as fast as --rate says.
    """
    if sum(source is not None for source in (user_id, crowd_size, file)) != 1:
        raise typer.BadParameter("give one of them, and only one", param_hint="--user-id, --crowd, --file")
    if name is not None and user_id is None:
        raise typer.BadParameter("needs --user-id", param_hint="--name")
    time = now() if at is None else time_option(at, "--at")
    settings = prepare()
    target = ActivityTarget(settings.activity_topic, settings.limits, now)
    with ExitStack() as context:
        if file is not None:
            source = _from_file(file, target, context)
        elif crowd_size is not None:
            source = _from_crowd(crowd(crowd_size, seed, time, days), time, target)
        else:
            source = _Source(iter([target.record_of(Activity(user_id or "", time, name)).record]), 1, lambda: 1)
        progress = context.enter_context(progress_bar())
        task = progress.add_task("produce", total=source.total)
        produced = run_async(
            _produce(settings, source.records, rate, lambda: progress.update(task, completed=source.done()))
        )
    if as_json:
        print_json({"produced": produced})
    else:
        print_line(f"Produced {produced} {'event' if produced == 1 else 'events'}.")


def _from_file(file: Path, target: ActivityTarget, context: ExitStack) -> _Source:
    """The file, by bytes; of stdin nobody knows how much there is."""
    lines, size = _opened(file, context)
    events = read_events(lines, str(file), target, columns=False)
    records = (event.record for event in events)
    return _Source(records, size, _unknown if size is None else lines.tell)


def _unknown() -> float:
    return 0.0


def _opened(file: Path, context: ExitStack) -> tuple[BinaryIO, int | None]:
    if file == _STDIN:
        return sys.stdin.buffer, None
    try:
        opened = context.enter_context(file.open("rb"))
    except OSError as error:
        raise typer.BadParameter(f"{file} can't be read: {error.strerror}", param_hint="--file") from error
    # A pipe that has a name doesn't know its place either.
    return opened, file.stat().st_size if opened.seekable() else None


def _from_crowd(activities: Iterator[Activity], end: datetime, target: ActivityTarget) -> _Source:
    """The crowd's events, by its own time: from that of the first event to the end."""
    first = next(activities)
    latest = first.occurred_at

    def records() -> Iterator[OutgoingRecord]:
        nonlocal latest
        for activity in chain([first], activities):
            latest = max(latest, activity.occurred_at)
            yield target.record_of(activity).record

    def done() -> float:
        return (latest - first.occurred_at).total_seconds()

    return _Source(records(), (end - first.occurred_at).total_seconds(), done)


async def _produce(
    settings: Settings, records: Iterator[OutgoingRecord], rate: float | None, sent: Callable[[], None]
) -> int:
    async with open_producer(settings) as producer:
        return await send_all(producer, records, rate, sent)


def _nobody_watches() -> None:
    """What is called where no bar is shown."""


async def send_all(
    producer: EventProducer,
    records: Iterator[OutgoingRecord],
    rate: float | None = None,
    sent: Callable[[], None] = _nobody_watches,
) -> int:
    """Send the records, so many a second where a rate is given, and wait until they are acknowledged.

    ``sent`` is called now and then, when some more are on their way.
    """
    loop = asyncio.get_running_loop()
    started = loop.time()
    count = 0
    most = BATCH_RECORDS if rate is None else max(1, min(BATCH_RECORDS, round(rate * _RATE_SECONDS)))
    while batch := list(islice(records, most)):
        if rate is not None:
            await asyncio.sleep(started + count / rate - loop.time())
        await producer.send(batch)
        count += len(batch)
        sent()
    await producer.flush()
    return count
