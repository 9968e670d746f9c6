"""`engage shard`: what every shard is at, and letting a halted one go on."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

import structlog
import typer

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.inspection import Member, extents, group_of, last_marker, partition_counts
from adapters.kafka.log import KafkaActivityLog
from adapters.kafka.producer import KafkaProducers
from adapters.postgres.acceptance import HaltedShards
from adapters.postgres.connection import connect, disconnect
from adapters.postgres.reports import StoredShard
from consumer.accepting import Accepted, Accepting, Reached
from consumer.commands.acceptance_words import explanation
from consumer.commands.errors import RefusedError
from consumer.commands.event_loop import run_async
from consumer.commands.options import AsJson
from consumer.commands.output import print_json, print_line
from consumer.commands.shard_lines import ShardLine, print_shards
from consumer.commands.start import once_reachable, prepare
from consumer.commands.ticking import open_reports
from consumer.settings import Settings
from consumer.tick_gap import TickGap, close_tick_gap, find_tick_gap
from consumer.wiring import kafka_connection, postgres_dsn, topic_names
from domain.errors import MisconfiguredError, OwnershipLostError
from domain.times import format_time

log = structlog.get_logger()

shard = typer.Typer(
    no_args_is_help=True,
    help="Show the shards (partitions of the activity topic), and let halted ones go on.",
)

Number = Annotated[int, typer.Argument(metavar="N", min=0, help="The shard's number, as `engage shard list` has it.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it. Without this, nothing is changed.")]


@shard.command("list", epilog="Example: engage shard list --json")
def list_shards(*, as_json: AsJson = False) -> None:
    """List all shards: owner, epoch, position and lag, what is decided and not published, and which are halted, why.

    The owner is the member of the consumer group that the partition is assigned to: "-" where Kafka knows none.
    """
    lines = run_async(_lines(prepare()))
    if as_json:
        for line in lines:
            print_json(line.as_json())
    else:
        print_shards(lines)


@shard.command("accept", epilog="Example: engage shard accept 3 --yes")
def accept(number: Number, *, yes: Yes = False, as_json: AsJson = False) -> None:
    """Let a halted shard go on, after saying what will be lost or repeated.

    Without --yes it only says so. With it, the running workers take the shard again within a few seconds. It may be
    repeated after any failure: the shard stays halted until all of it is done.
    """
    stored, accepted, gap = run_async(_accept(prepare(), number, yes=yes))
    lines = explanation(accepted, gap)
    if as_json:
        print_json(_as_json(stored, accepted, gap, lines, done=yes))
        return
    since = "" if stored.halted_at is None else f" since {format_time(stored.halted_at)}"
    print_line(f"Shard {number} is halted{since}: {stored.halted_reason}.")
    for line in lines:
        print_line(f"- {line}")
    print_line("Done." if yes else f"Nothing was changed. To do this: engage shard accept {number} --yes")


async def _lines(settings: Settings) -> list[ShardLine]:
    connection, topic = kafka_connection(settings), settings.activity_topic
    async with open_reports(settings) as reports:
        shards = await reports.shards()
    counts = await once_reachable(settings, lambda: partition_counts(connection, [topic]))
    present = [row.state.shard for row in shards if row.state.shard < counts.get(topic, 0)]
    found = await once_reachable(settings, lambda: extents(connection, topic, present)) if present else {}
    owners = await _owners(settings, connection)
    return [ShardLine(row, owners.get(row.state.shard), found.get(row.state.shard)) for row in shards]


async def _owners(settings: Settings, connection: KafkaConnection) -> dict[int, Member]:
    try:
        group = await once_reachable(
            settings, lambda: group_of(connection, settings.consumer_group, settings.activity_topic)
        )
    except MisconfiguredError as error:
        # Whoever may look at the state need not have the right to look at the group.
        log.warning("owners_unknown", reason=str(error))
        return {}
    return dict(group.assigned)


async def _accept(settings: Settings, number: int, *, yes: bool) -> tuple[StoredShard, Accepted, TickGap]:
    async with open_reports(settings) as reports:
        stored = _halted(await reports.shards(), number)
        position = (await reports.deployment()).tick_next
    connection = kafka_connection(settings)
    async with open_accepting(settings) as accepting:
        gap = await once_reachable(settings, lambda: find_tick_gap(connection, settings.tick_topic, position))
        if not yes:
            return stored, await once_reachable(settings, lambda: _foresee(settings, accepting, number)), gap
        # First, since the shard stays halted if this fails, and the command can be repeated.
        await close_tick_gap(connection, gap)
        try:
            accepted = await once_reachable(settings, lambda: accepting.accept(number))
        except OwnershipLostError as error:
            raise RefusedError(
                f"Somebody else accepts shard {number} at the same time ({error}). `engage shard list` tells whether it"
                " is still halted; if so, repeat this."
            ) from error
    if accepted is None:
        raise RefusedError(f"Shard {number} is not halted any more: this command, or another one, has accepted it.")
    return stored, accepted, gap


async def _foresee(settings: Settings, accepting: Accepting, number: int) -> Accepted:
    ask_for_marker = partial(last_marker, kafka_connection(settings), settings.progress_topic)
    return await accepting.foresee(number, ask_for_marker)


def _halted(shards: list[StoredShard], number: int) -> StoredShard:
    if number >= len(shards):
        raise RefusedError(f"There is no shard {number}: the deployment has {len(shards)}, counted from 0.")
    if shards[number].halted_reason is None:
        raise RefusedError(f"Shard {number} is not halted: there is nothing to accept.")
    return shards[number]


@contextlib.asynccontextmanager
async def open_accepting(settings: Settings, reached: Reached = lambda _: None) -> AsyncIterator[Accepting]:
    """What looks at halted shards and lets them go on, once its surroundings can be reached."""
    connection, names = kafka_connection(settings), topic_names(settings)
    async with contextlib.AsyncExitStack() as opened:
        pool = await connect(postgres_dsn(settings), max_size=1)
        opened.push_async_callback(disconnect, pool)
        activity = await once_reachable(settings, lambda: _started_log(settings))
        opened.push_async_callback(activity.stop)
        producers = KafkaProducers(connection, settings.consumer_group, names.progress)
        yield Accepting(HaltedShards(pool), producers, activity, names, reached)


async def _started_log(settings: Settings) -> KafkaActivityLog:
    activity = KafkaActivityLog(kafka_connection(settings), settings.activity_topic, settings.progress_topic)
    await activity.start()
    return activity


def _as_json(stored: StoredShard, accepted: Accepted, gap: TickGap, lines: list[str], *, done: bool) -> dict[str, Any]:
    halted, change = accepted.halted, accepted.acceptance
    return {
        "shard": halted.shard,
        "halted_at": None if stored.halted_at is None else format_time(stored.halted_at),
        "halted_reason": stored.halted_reason,
        "marker": {"found": halted.marker, "finding": halted.marker_finding, "after": change.marker},
        "position": {"found": halted.position, "finding": halted.position_finding, "after": change.position},
        "log": {"beginning": halted.beginning, "end": halted.end},
        "confirmed": halted.confirmed,
        "decided": halted.decided,
        "holes": list(change.holes),
        "strays": list(change.strays),
        "account": asdict(accepted.account),
        "ticks": {"position": gap.position, "end": gap.end, "missing": gap.records},
        "explanation": lines,
        "done": done,
    }
