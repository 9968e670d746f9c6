"""`engage produce`: test events."""

import asyncio
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from itertools import islice
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from adapters.kafka.event_producer import EventProducer
from consumer.commands.activity_lines import ActivityTarget, TimedRecord, read_events
from consumer.commands.clock import now
from consumer.commands.crowd import crowd
from consumer.commands.event_loop import run_async
from consumer.commands.options import AsJson, time_option
from consumer.commands.output import print_json, print_line
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
    int | None, typer.Option("--crowd", min=1, max=100_000_000, help="Events of so many generated users.")
]
Seed = Annotated[int, typer.Option(help="With --crowd: another seed gives another crowd.")]
Rate = Annotated[float | None, typer.Option(min=0.001, help="Events a second; by default as fast as they go.")]
File = Annotated[Path | None, typer.Option("--file", metavar="FILE", help="The JSON lines of this file; - is stdin.")]


def produce(
    *,
    user_id: UserId = None,
    name: Name = None,
    at: At = None,
    crowd_size: CrowdSize = None,
    seed: Seed = 1,
    rate: Rate = None,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Produce activity for a try: one user's, a generated crowd's, or that of a file."""
    if sum(source is not None for source in (user_id, crowd_size, file)) != 1:
        raise typer.BadParameter("give one of them, and only one", param_hint="--user-id, --crowd, --file")
    if name is not None and user_id is None:
        raise typer.BadParameter("needs --user-id", param_hint="--name")
    time = now() if at is None else time_option(at, "--at")
    settings = prepare()
    target = ActivityTarget(settings.activity_topic, settings.limits, now)
    with ExitStack() as context:
        events: Iterable[TimedRecord]
        if file is not None:
            events = read_events(context.enter_context(_opened(file)), str(file), target, columns=False)
        elif crowd_size is not None:
            events = map(target.record_of, crowd(crowd_size, seed, time))
        else:
            events = [target.record_of(Activity(user_id or "", time, name))]
        produced = run_async(_produce(settings, (event.record for event in events), rate))
    if as_json:
        print_json({"produced": produced})
    else:
        print_line(f"Produced {produced} {'event' if produced == 1 else 'events'}.")


def _opened(file: Path) -> AbstractContextManager[BinaryIO]:
    if file == _STDIN:
        return nullcontext(sys.stdin.buffer)
    try:
        return file.open("rb")
    except OSError as error:
        raise typer.BadParameter(f"{file} can't be read: {error.strerror}", param_hint="--file") from error


async def _produce(settings: Settings, records: Iterable[OutgoingRecord], rate: float | None) -> int:
    async with open_producer(settings) as producer:
        return await send_all(producer, iter(records), rate)


async def send_all(producer: EventProducer, records: Iterator[OutgoingRecord], rate: float | None = None) -> int:
    """Send the records, so many a second where a rate is given, and wait until they are acknowledged."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    sent = 0
    most = BATCH_RECORDS if rate is None else max(1, min(BATCH_RECORDS, round(rate * _RATE_SECONDS)))
    while batch := list(islice(records, most)):
        if rate is not None:
            await asyncio.sleep(started + sent / rate - loop.time())
        await producer.send(batch)
        sent += len(batch)
    await producer.flush()
    return sent
