"""`engage notify`: an example of the service that takes the messages to the users."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, closing
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import structlog
import typer

from adapters.kafka.topic_reader import TopicReader
from consumer.commands.errors import UnusableInputError
from consumer.commands.event_loop import run_async, stop_on_signals
from consumer.commands.inbox import Inbox, InboxFile, Message
from consumer.commands.options import AsJson
from consumer.commands.output import print_json, print_line
from consumer.commands.start import prepare
from consumer.commands.ticking import open_reader
from consumer.settings import Settings
from domain.errors import TransientError
from domain.records import InputRecord

log = structlog.get_logger()

_PAUSE_SECONDS = 1.0


class Start(StrEnum):
    """Where to begin reading."""

    BEGINNING = "beginning"
    END = "end"


From = Annotated[Start, typer.Option("--from", help="Where to begin in the topic.")]
UntilEnd = Annotated[bool, typer.Option("--until-end", help="Stop at the present end instead of waiting for more.")]
File = Annotated[
    Path | None,
    typer.Option(
        "--file", dir_okay=False, writable=True, help="Append to this file, as JSON lines, instead of printing."
    ),
]


def notify(
    *, start: From = Start.BEGINNING, file: File = None, until_end: UntilEnd = False, as_json: AsJson = False
) -> None:
    """Show the messages as a notification service receives them, each once, until SIGTERM or SIGINT.

    Only committed messages are read, and repeats are dropped by their message_id. With --file, what the file holds
    already is not added again, so the command can be stopped, or killed, and started anew.
    """
    settings = prepare()
    inbox = Inbox()
    with ExitStack() as context:
        handle: Callable[[Message], None] = print_json if as_json else _print_message
        if file is not None:
            handle = context.enter_context(closing(_opened(file, inbox))).append
        run_async(_receive(settings, inbox, handle, start, until_end=until_end))


def _opened(file: Path, inbox: Inbox) -> InboxFile:
    try:
        return InboxFile(file, inbox)
    except (OSError, ValueError) as error:
        raise UnusableInputError(f"{file} is not a file that messages can be appended to: {error}.") from error


async def _receive(
    settings: Settings, inbox: Inbox, handle: Callable[[Message], None], start: Start, *, until_end: bool
) -> None:
    with stop_on_signals() as stop:
        async with open_reader(settings, settings.message_topic) as reader:
            ends = await reader.ends()
            if start is Start.END:
                reader.seek(ends)
            async for record in _to_end(reader, ends, stop) if until_end else _on_and_on(reader, stop):
                message = _message(record)
                if message is not None and inbox.accepts(message):
                    handle(message)


async def _to_end(reader: TopicReader, ends: Mapping[int, int], stop: asyncio.Event) -> AsyncIterator[InputRecord]:
    async for record in reader.read_to(ends):
        if stop.is_set():
            return
        yield record


async def _on_and_on(reader: TopicReader, stop: asyncio.Event) -> AsyncIterator[InputRecord]:
    while not stop.is_set():
        try:
            records = await reader.poll()
        except TransientError as error:
            log.warning("reading_failed", reason=str(error))
            await asyncio.sleep(_PAUSE_SECONDS)
            continue
        for record in records:
            yield record


def _message(record: InputRecord) -> Message | None:
    try:
        message = json.loads(record.value or b"")
    except ValueError:
        message = None
    if isinstance(message, dict) and isinstance(message.get("message_id"), str):
        return message
    log.warning("message_unreadable", partition=record.partition, offset=record.offset)
    return None


def _print_message(message: Message) -> None:
    print_line(f"{message.get('user_id')}  {message.get('content')}  ({message.get('segment')})")
