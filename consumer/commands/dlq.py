"""`engage dlq`: the records that could not be used, and sending them back."""

import asyncio
import contextlib
import heapq
from collections import Counter
from collections.abc import AsyncIterator
from typing import Annotated

import typer

from adapters.codec.rejected import DeadLetter, read_dead_letter
from adapters.kafka.inspection import partition_counts
from adapters.kafka.replay import KafkaReplay, mark_of, read_marks
from adapters.kafka.topics import largest_messages
from consumer.commands.dlq_lines import NOT_OURS, LetterLine, print_headings, print_page
from consumer.commands.dlq_source import Selection, Source, opened_source
from consumer.commands.dlq_words import as_json as tally_json
from consumer.commands.dlq_words import count_line, explanation, summary
from consumer.commands.errors import RefusedError
from consumer.commands.event_loop import run_async, stop_on_signals
from consumer.commands.options import AsJson
from consumer.commands.output import print_json, print_line, progress_bar, remark
from consumer.commands.start import once_reachable, prepare
from consumer.replaying import Inputs, Reached, Replaying
from consumer.settings import Settings
from consumer.wiring import kafka_connection
from domain.errors import REASONS, EngagementError, OwnershipLostError

# A table knows its widths only when it is complete: as many lines are held in memory at a time.
_PAGE = 1_000

dlq = typer.Typer(
    no_args_is_help=True,
    help="Show the dead letters (records that could not be used), and send them back to where they came from.",
)


def _known(reasons: list[str] | None) -> list[str]:
    for reason in reasons or ():
        if reason not in REASONS:
            raise typer.BadParameter(f"{reason!r} is not one of {', '.join(REASONS)}")
    return reasons or []


Reasons = Annotated[
    list[str] | None,
    typer.Option(
        "--reason",
        metavar="REASON",
        callback=_known,
        help=f"Only those with this reason; may be repeated. One of {', '.join(REASONS)}.",
    ),
]
Limit = Annotated[int | None, typer.Option(min=1, help="Only so many, the newest by their own time.")]
Partition = Annotated[int | None, typer.Option(min=0, help="With --offset: only the one that lies there.")]
Offset = Annotated[int | None, typer.Option(min=0, help="With --partition: only the one that lies there.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done; send nothing, disturb nobody.")]


@dlq.command("list", epilog="Example: engage dlq list --reason too_large --limit 20")
def list_letters(*, reason: Reasons = None, limit: Limit = None, as_json: AsJson = False) -> None:
    """List the dead letters: where each lies, when, why and where it came in, its size and key, and if it was replayed.

    The time is the record's own. The key is shortened, and its unprintable characters are escaped; --json has all of
    it. What somebody else has put into the topic is listed as such, unless reasons are given.
    """
    run_async(print_letters(prepare(), Selection(frozenset(reason or ())), limit, as_json=as_json))


@dlq.command("replay", epilog="Example: engage dlq replay --reason too_large --dry-run")
def replay(
    *,
    reason: Reasons = None,
    partition: Partition = None,
    offset: Offset = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Send dead letters back, as they came in, to the topic and partition they came from: once each.

    Say which, or all are sent. Those that were sent before, by this command, are left out, so it may be stopped, or
    killed, and repeated. One that still can't be used becomes a new dead letter. Truncated ones can't be sent back.
    """
    if (partition is None) != (offset is None):
        raise typer.BadParameter("one of them says nothing without the other", param_hint="--partition and --offset")
    place = None if partition is None or offset is None else (partition, offset)
    settings, selection = prepare(), Selection(frozenset(reason or ()), place)
    tally = run_async(replay_letters(settings, selection, dry_run=dry_run)).tally
    if as_json:
        print_json(tally_json(tally, done=not dry_run))
    else:
        print_line(summary(tally, done=not dry_run))
        for line in explanation(tally):
            print_line(f"- {line}")
    if tally.in_vain:
        raise RefusedError("None of the dead letters that were asked for can be replayed.")


async def print_letters(settings: Settings, selection: Selection, limit: int | None, *, as_json: bool) -> None:
    """Print the selected dead letters, or the newest of them. Raises TransientError, MisconfiguredError."""
    connection = kafka_connection(settings)
    marks = await once_reachable(settings, lambda: read_marks(connection, settings.progress_topic))
    counts: Counter[str] = Counter()

    async def lines(source: Source) -> AsyncIterator[LetterLine]:
        async for stored in source.records():
            letter = read_dead_letter(stored)
            if letter is not None and selection.takes(letter):
                counts[letter.reason] += 1
                yield LetterLine(stored, letter, marks.get(mark_of(stored)))
            elif letter is None and not selection.reasons:
                counts[NOT_OURS] += 1
                yield LetterLine(stored, None, None)

    with progress_bar() as progress:
        task = progress.add_task("dead letters", total=None)
        async with opened_source(settings, selection.place) as source:
            progress.update(task, total=source.offsets)
            source.advance = lambda count: progress.advance(task, count)
            if not as_json:
                print_headings()
            found = lines(source) if limit is None else _newest(lines(source), limit)
            await _print(found, as_json=as_json)
    remark(count_line(counts))


async def _print(lines: AsyncIterator[LetterLine], *, as_json: bool) -> None:
    page: list[LetterLine] = []
    async for line in lines:
        if as_json:
            print_json(line.as_json())
            continue
        page.append(line)
        if len(page) == _PAGE:
            print_page(page)
            page = []
    if page:
        print_page(page)


async def _newest(lines: AsyncIterator[LetterLine], limit: int) -> AsyncIterator[LetterLine]:
    """So many of the lines, those with the latest times; in their order."""
    newest: list[tuple[int, int, LetterLine]] = []
    number = 0
    async for line in lines:
        number += 1
        # The number keeps lines of the same time apart, which have no order themselves.
        (heapq.heappush if number <= limit else heapq.heappushpop)(newest, (line.timestamp_ms, number, line))
    for _, _, line in sorted(newest, key=lambda entry: entry[1]):
        yield line


async def replay_letters(
    settings: Settings, selection: Selection, *, dry_run: bool = False, reached: Reached = lambda _: None
) -> Replaying:
    """Replay what is selected, or count what that would do. Raises RefusedError; TransientError, MisconfiguredError."""
    connection = kafka_connection(settings)
    inputs = [settings.activity_topic, settings.tick_topic]
    counts = await once_reachable(settings, lambda: partition_counts(connection, inputs))
    sizes = await once_reachable(settings, lambda: largest_messages(connection, sorted(counts)))
    replaying = Replaying(Inputs({topic: counts.get(topic, 0) for topic in inputs}), reached)
    with progress_bar() as progress, stop_on_signals() as stop:
        task = progress.add_task("dead letters", total=None)
        async with opened_source(settings, selection.place) as source:
            progress.update(task, total=source.offsets)
            source.advance = lambda count: progress.advance(task, count)
            letters = _selected(source, selection, stop)
            if dry_run:
                marks = await once_reachable(settings, lambda: read_marks(connection, settings.progress_topic))
                await replaying.foresee(letters, marks)
            else:
                await _replay(settings, replaying, letters, min(sizes.values(), default=0))
    if selection.place is not None and not replaying.tally.selected:
        partition, offset = selection.place
        raise RefusedError(f"There is no such dead letter in partition {partition} at offset {offset}.")
    return replaying


async def _replay(
    settings: Settings, replaying: Replaying, letters: AsyncIterator[DeadLetter], batch_bytes: int
) -> None:
    connection, tally = kafka_connection(settings), replaying.tally
    try:
        async with contextlib.AsyncExitStack() as opened:
            replay = await once_reachable(
                settings,
                lambda: opened.enter_async_context(
                    KafkaReplay(connection, settings.consumer_group, settings.progress_topic, batch_bytes)
                ),
            )
            await replaying.replay(letters, replay)
    except OwnershipLostError as error:
        raise RefusedError(
            f"Another replay was started and takes over, or this one was held up for long ({error}). This one has"
            f" replayed {tally.replayed} dead letters; none is sent twice."
        ) from error
    except EngagementError:
        remark(f"{tally.replayed} dead letters were replayed. Repeat this for the rest: none is sent twice.")
        raise


async def _selected(source: Source, selection: Selection, stop: asyncio.Event) -> AsyncIterator[DeadLetter]:
    foreign = 0
    async for stored in source.records():
        # Between two transactions: one that is left open would hold up the workers until Kafka ends it.
        if stop.is_set():
            raise RefusedError("Stopped before the end.")
        letter = read_dead_letter(stored)
        if letter is None:
            foreign += 1
        elif selection.takes(letter):
            yield letter
    if foreign:
        remark(f"{foreign} records of the dead-letter topic are not dead letters of the engine, and were left out.")
