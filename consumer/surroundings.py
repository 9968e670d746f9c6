"""Do the surroundings fit: settings, Postgres, Kafka, and what the state says of them. Nothing is changed.

Postgres and Kafka are looked at side by side, so that the one being away does not hide what is wrong with the other.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.inspection import (
    extents,
    find_transaction_coordinator,
    group_of,
    partition_counts,
    session_timeouts,
)
from adapters.kafka.rights import denial, missing_rights, rights_of_engine
from adapters.kafka.topics import Severity, TopicNames, check_topics
from adapters.postgres.inspection import OLDEST_MAJOR_VERSION, Inspection, MissingRight, Server, opened_inspection
from adapters.postgres.reports import Deployment, StoredShard
from consumer.findings import Finding, notice, ok, problem
from consumer.settings import Settings, with_origins
from consumer.wiring import kafka_connection, postgres_dsn, topic_names
from domain.errors import MisconfiguredError, TransientError
from domain.times import format_time

T = TypeVar("T")

# For each question. What is up answers within milliseconds; whoever asks for a check does not want to wait.
PATIENCE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _State:
    """What Postgres holds."""

    deployment: Deployment
    shards: list[StoredShard]


async def examine(settings: Settings) -> list[Finding]:
    """Everything that is checked, in the order in which a person would look at it. Raises nothing of the surroundings.

    Nothing secret is in the texts.
    """
    of_settings = [notice("settings", remark) for remark in settings.remarks()] or [ok("settings", "can be used")]
    of_settings += [finding async for finding in _http(settings)]
    connection = replace(kafka_connection(settings), timeout_seconds=PATIENCE_SECONDS)
    (of_postgres, state), (of_kafka, partitions) = await asyncio.gather(
        _examine_postgres(postgres_dsn(settings)), _examine_kafka(connection, settings)
    )
    of_state = [] if state is None else [finding async for finding in _state(connection, settings, state, partitions)]
    findings = [*of_settings, *of_postgres, *of_kafka, *of_state]
    return [replace(finding, text=with_origins(finding.text)) for finding in findings]


async def _http(settings: Settings) -> AsyncIterator[Finding]:
    """The port that the service would open; a worker that runs here has it already."""
    if settings.http_port is None:
        return
    try:
        # Bound for a moment, and nobody is let in.
        server = await asyncio.start_server(_turn_away, settings.http_host, settings.http_port, start_serving=False)
    except OSError as error:
        yield notice(
            "http",
            f"the port of ENGAGEMENT_HTTP_PORT can't be opened here: {error.strerror}. That is right where a worker has"
            " it (`engage health` tells); else free it, or correct ENGAGEMENT_HTTP_PORT or ENGAGEMENT_HTTP_HOST",
        )
    else:
        server.close()


async def _turn_away(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _examine_postgres(dsn: str) -> tuple[list[Finding], _State | None]:
    findings: list[Finding] = []
    try:
        async with opened_inspection(dsn) as inspection:
            server = await _within_patience(inspection.server())
            findings.extend(_server(server))
            missing = await _within_patience(inspection.missing_rights())
            findings.extend(_rights(missing, server.role))
            # Without a right, the schema or the state would be called missing.
            return findings, None if missing else await _read_state(inspection, findings)
    except (TransientError, MisconfiguredError) as error:
        return [*findings, problem("postgres", str(error))], None


def _server(server: Server) -> Iterator[Finding]:
    where = f"version {server.version}, database {server.database}, role {server.role}"
    if server.too_old:
        yield problem(
            "postgres",
            f"{where}: the engine needs version {OLDEST_MAJOR_VERSION} or later; let ENGAGEMENT_POSTGRES_DSN name one",
        )
    elif server.standby:
        yield problem("postgres", f"{where}: this is a read-only standby; let ENGAGEMENT_POSTGRES_DSN name the primary")
    elif server.read_only:
        yield problem(
            "postgres", f"{where}: it is read-only; set default_transaction_read_only off, for it and the role"
        )
    else:
        yield ok("postgres", where)
    if not server.durable:
        yield notice(
            "postgres",
            "fsync or synchronous_commit is off: a crash of the server can lose what was committed, and shards are"
            " halted then. Switch both on where messages matter",
        )


def _rights(missing: list[MissingRight], role: str) -> Iterator[Finding]:
    for right in missing:
        yield problem("rights", right.told(role))
    if not missing:
        yield ok("rights", "the role of Postgres has every right on what exists")


async def _read_state(inspection: Inspection, findings: list[Finding]) -> _State | None:
    try:
        await _within_patience(inspection.check_schema())
    except MisconfiguredError as error:
        findings.append(problem("schema", str(error)))
        return None
    findings.append(ok("schema", "is at head"))
    reports = inspection.reports
    return _State(await _within_patience(reports.deployment()), await _within_patience(reports.shards()))


async def _examine_kafka(connection: KafkaConnection, settings: Settings) -> tuple[list[Finding], Mapping[str, int]]:
    names = topic_names(settings)
    try:
        missing = await missing_rights(connection, rights_of_engine(names, settings.consumer_group))
        # Without a right, what is there would be called missing.
        partitions = {} if missing else await partition_counts(connection, names.all())
    except (TransientError, MisconfiguredError) as error:
        return [problem("kafka", str(error))], {}
    findings = [ok("kafka", f"answers at {connection.bootstrap_servers}")]
    if missing:
        return [*findings, *(problem("rights", denial(connection, right)) for right in missing)], {}
    findings.append(ok("rights", "the user of Kafka has every right on what exists"))
    for finding in (
        _topics(connection, names, partitions),
        _group(connection, settings),
        _session(connection, settings),
        _coordinator(connection, settings),
    ):
        findings.extend(await finding)
    return findings, partitions


async def _topics(connection: KafkaConnection, names: TopicNames, partitions: Mapping[str, int]) -> list[Finding]:
    try:
        problems = await check_topics(connection, names)
    except (TransientError, MisconfiguredError) as error:
        return [problem("topics", str(error))]
    there = [f"{topic} {partitions[topic]}" for topic in names.all() if topic in partitions]
    counted = [ok("topics", f"there are, with so many partitions: {', '.join(there)}")] if there else []
    return [
        *counted,
        *(
            notice("topics", found.text) if found.severity is Severity.REMARK else problem("topics", found.text)
            for found in problems
        ),
    ]


async def _group(connection: KafkaConnection, settings: Settings) -> list[Finding]:
    try:
        group = await group_of(connection, settings.consumer_group, settings.activity_topic)
    except (TransientError, MisconfiguredError) as error:
        return [problem("group", str(error))]
    if not group.members:
        return [notice("group", f"no worker runs in the group {settings.consumer_group}: `engage run` starts one")]
    return [ok("group", f"workers in the group {settings.consumer_group}: {group.members}")]


async def _session(connection: KafkaConnection, settings: Settings) -> list[Finding]:
    try:
        shortest, longest = await session_timeouts(connection)
    except (TransientError, MisconfiguredError):
        # The right to read a broker's settings is not needed for anything else; `engage run` finds out by itself.
        return []
    asked = timedelta(seconds=settings.session_timeout_seconds)
    if shortest <= asked <= longest:
        return []
    text = (
        f"ENGAGEMENT_SESSION_TIMEOUT_SECONDS must lie within {shortest.total_seconds():g} and"
        f" {longest.total_seconds():g}, as the brokers' group.min and group.max.session.timeout.ms say: correct it"
    )
    return [problem("group", text)]


async def _coordinator(connection: KafkaConnection, settings: Settings) -> list[Finding]:
    try:
        await find_transaction_coordinator(connection, f"{settings.consumer_group}-0")
    except (TransientError, MisconfiguredError) as error:
        text = f"{error}. Is the brokers' transaction.state.log.replication.factor above the number of brokers?"
        return [problem("transactions", text)]
    return [ok("transactions", "Kafka has a coordinator for them")]


async def _state(
    connection: KafkaConnection, settings: Settings, state: _State, partitions: Mapping[str, int]
) -> AsyncIterator[Finding]:
    for finding in _shards(state, settings, partitions):
        yield finding
    if settings.tick_topic in partitions:
        yield await _ticks(connection, settings.tick_topic, state.deployment.tick_next)


def _shards(state: _State, settings: Settings, partitions: Mapping[str, int]) -> Iterator[Finding]:
    known = state.deployment.shards
    halted = [stored for stored in state.shards if stored.halted_reason is not None]
    yield ok("shards", f"{known}, of which {len(halted)} are halted")
    for stored in halted:
        since = "" if stored.halted_at is None else f" since {format_time(stored.halted_at)}"
        yield problem(
            "shards",
            f"shard {stored.state.shard} is halted{since}: {stored.halted_reason}. No cycle ends meanwhile. `engage"
            f" shard accept {stored.state.shard}` says what letting it go on loses or repeats",
        )
    there = min(
        (partitions[topic] for topic in (settings.activity_topic, settings.progress_topic) if topic in partitions),
        default=known,
    )
    if there > known:
        yield notice("shards", f"{there - known} new ones are there: running workers take them within a minute")
    elif there < known:
        yield problem(
            "shards",
            f"{known} are known, but the activity or the progress topic has only {there} partitions: no cycle ends."
            f" Give the activity topic {known} partitions again; `engage init` then extends the progress topic",
        )


async def _ticks(connection: KafkaConnection, topic: str, tick_next: int) -> Finding:
    try:
        end = (await extents(connection, topic, [0]))[0].end
    except (TransientError, MisconfiguredError) as error:
        return problem("ticks", str(error))
    if tick_next > end:
        return problem(
            "ticks",
            f"position {tick_next} lies beyond the end of the tick topic {topic!r}, {end}: was it recreated? No tick is"
            " read before its end has passed the position. `engage shard accept` of a halted shard fills it up; where"
            f" none is halted, restore the topic, or produce {tick_next - end} ticks (`engage tick`), which are passed"
            " over",
        )
    return ok("ticks", f"judged up to {tick_next} of {end}")


async def _within_patience(question: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await question
    except TimeoutError as error:
        raise TransientError(
            f"Postgres did not answer within {PATIENCE_SECONDS:g} s: start it, or correct ENGAGEMENT_POSTGRES_DSN"
        ) from error
