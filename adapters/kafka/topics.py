"""Creating the six topics, and whether those that exist fit."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, fields
from enum import IntEnum, auto

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.errors import (
    InvalidPartitionsError,
    NoError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownError,
    for_code,
)

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.deadline import denial, persistently, until, within
from adapters.kafka.discard import stop_admin
from adapters.kafka.metadata import TopicSettings, TopicState, client_of, describe_settings, describe_topics
from adapters.kafka.starting import start_client
from domain.errors import MisconfiguredError, TransientError

# What a dead letter holds beside the value: the key, the record's headers, and ours, which take about 1 KiB.
ROOM_BESIDE_VALUE_BYTES = 64 * 1024
_BROKERS_DEFAULT = -1
_SETTINGS = {
    "activity": "ENGAGEMENT_ACTIVITY_TOPIC",
    "ticks": "ENGAGEMENT_TICK_TOPIC",
    "messages": "ENGAGEMENT_MESSAGE_TOPIC",
    "cycles": "ENGAGEMENT_CYCLE_TOPIC",
    "dead_letters": "ENGAGEMENT_DEAD_LETTER_TOPIC",
    "progress": "ENGAGEMENT_PROGRESS_TOPIC",
}
_LOG_APPEND_TIME = {"message.timestamp.type": "LogAppendTime"}
# Markers are looked up by key, however old; the last one of each shard must never go.
_COMPACT = {"cleanup.policy": "compact"}
# Dead letters keep the time of their record. That may lie anywhere, while brokers refuse what is an hour in the future.
_TIME_OF_THE_RECORD = {"message.timestamp.type": "CreateTime", "message.timestamp.after.max.ms": str(2**63 - 1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicNames:
    """The topics by their roles."""

    activity: str
    ticks: str
    messages: str
    cycles: str
    dead_letters: str
    progress: str

    def all(self) -> tuple[str, ...]:
        """The six names."""
        return tuple(getattr(self, field.name) for field in fields(self))

    def shown(self, topic: str) -> str:
        """One of the six as a person is told of it: its name, and the setting that gives it."""
        role = next(field.name for field in fields(self) if getattr(self, field.name) == topic)
        return f"{topic!r} of {_SETTINGS[role]}"


@dataclass(frozen=True, slots=True)
class TopicChange:
    """What ``create_topics`` did: a topic created, or ``extended`` to so many partitions."""

    topic: str
    partitions: int
    extended: bool = False


class Severity(IntEnum):
    """How bad a problem is."""

    FATAL = auto()
    """The service can't work."""
    GAP = auto()
    """The service works, and leaves something out until it is repaired."""
    REMARK = auto()
    """Allowed, and worth knowing."""


@dataclass(frozen=True, slots=True)
class TopicProblem:
    """Something about the topics, in plain words with the remedy."""

    severity: Severity
    text: str

    @property
    def fatal(self) -> bool:
        """Whether the service can't work."""
        return self.severity is Severity.FATAL


async def create_topics(
    connection: KafkaConnection, names: TopicNames, partitions: int, replication_factor: int | None = None
) -> list[TopicChange]:
    """Create the topics that are missing, and give the progress topic as many partitions as the activity topic has.

    What exists stays as it is otherwise. ``partitions`` is for those topics that may have any number;
    ``replication_factor`` None leaves it to the brokers. Returns what was changed, and when the brokers know of it.
    Raises MisconfiguredError, TransientError.
    """
    async with opened_admin(connection) as admin:
        creation = _Creation(connection, admin, replication_factor)
        await creation.see(names.all())
        await creation.create(names.activity, partitions, _LOG_APPEND_TIME)
        await creation.create(names.ticks, 1, _LOG_APPEND_TIME)
        await creation.create(names.messages, partitions, {})
        await creation.create(names.cycles, 1, {})
        inputs = (await creation.settings([names.activity, names.ticks])).values()
        room = max(topic.max_message_bytes for topic in inputs) + ROOM_BESIDE_VALUE_BYTES
        settings = {"max.message.bytes": str(room)} | _TIME_OF_THE_RECORD
        await creation.create(names.dead_letters, partitions, settings)
        shards = creation.known[names.activity].partitions
        await creation.create(names.progress, shards, _COMPACT)
        await creation.extend(names.progress, shards)
        return creation.changes


class _Creation:
    """One run of ``create_topics``: what exists by now, and what was changed."""

    def __init__(self, connection: KafkaConnection, admin: AIOKafkaAdminClient, replication_factor: int | None) -> None:
        self._seconds = connection.timeout_seconds
        self._admin = admin
        self._replication_factor = _BROKERS_DEFAULT if replication_factor is None else replication_factor
        self.known: dict[str, TopicState] = {}
        self.changes: list[TopicChange] = []

    async def see(self, topics: Sequence[str]) -> None:
        """Find out which of the topics exist."""
        async with within(self._seconds, "describe the topics"):
            self.known |= await persistently(lambda: describe_topics(client_of(self._admin), topics))

    async def settings(self, topics: Sequence[str]) -> dict[str, TopicSettings]:
        """The settings of topics that exist."""
        async with within(self._seconds, f"read the settings of {', '.join(topics)}", "DescribeConfigs"):
            return await persistently(lambda: describe_settings(self._admin, topics))

    async def create(self, topic: str, partitions: int, settings: Mapping[str, str]) -> None:
        """Create the topic unless it exists."""
        if topic in self.known:
            return
        new = NewTopic(
            topic,
            partitions,
            self._replication_factor,
            # aiokafka takes "the broker's default" only along with an assignment, be it an empty one.
            replica_assignments={} if self._replication_factor == _BROKERS_DEFAULT else None,
            topic_configs=dict(settings),
        )
        async with within(self._seconds, f"create the topic {topic}", "Create"):
            response = await self._admin.create_topics([new])
            ((_, code, message),) = response.topic_errors
            self._check(topic, code, message)
            await self._wait_until_known(topic, at_least=1)
        # Another `engage init` may have been faster; then its number of partitions counts.
        if for_code(code) is NoError:
            self.changes.append(TopicChange(topic, partitions))

    async def extend(self, topic: str, partitions: int) -> None:
        """Give the topic so many partitions unless it has them."""
        if self.known[topic].partitions >= partitions:
            return
        async with within(self._seconds, f"extend the topic {topic}", "Alter"):
            # InvalidPartitionsError: another `engage init` was faster.
            with suppress(InvalidPartitionsError):
                try:
                    await self._admin.create_partitions({topic: NewPartitions(partitions)})
                except TopicAuthorizationFailedError as error:
                    raise TopicAuthorizationFailedError(topic) from error  # of aiokafka's, the argument is a sentence
                self.changes.append(TopicChange(topic, partitions, extended=True))
            await self._wait_until_known(topic, at_least=partitions)

    def _check(self, topic: str, code: int, message: str | None) -> None:
        error = for_code(code)
        if error in (NoError, TopicAlreadyExistsError):
            return
        reason = message or error.__name__
        if error is TopicAuthorizationFailedError:
            reason = denial("Create", "topic", [topic])
        text = f"could not create the topic {topic!r}: {reason}"
        if error.retriable or error is UnknownError:
            raise TransientError(text)
        raise MisconfiguredError(text)

    async def _wait_until_known(self, topic: str, at_least: int) -> None:
        async def known() -> bool:
            await self.see([topic])
            state = self.known.get(topic)
            return state is not None and state.led and state.partitions >= at_least

        await until(known)


async def check_topics(connection: KafkaConnection, names: TopicNames) -> list[TopicProblem]:
    """What is not as it should be, the gravest first; nothing is changed. Raises TransientError, MisconfiguredError."""
    async with opened_admin(connection) as admin:
        async with within(connection.timeout_seconds, "describe the topics"):
            known = await persistently(lambda: describe_topics(client_of(admin), names.all()))
        async with within(connection.timeout_seconds, "read the settings of topics", "DescribeConfigs"):
            settings = await persistently(lambda: describe_settings(admin, sorted(known)))
    problems = [*_missing(names, known), *_misshapen(names, known), *_unfit(names, settings)]
    return sorted(problems, key=lambda problem: problem.severity)


async def require_topics(connection: KafkaConnection, names: TopicNames) -> list[TopicProblem]:
    """What is not as it should be, and lets the service work all the same.

    Raises MisconfiguredError, a line for each problem, when it can't work at all; TransientError.
    """
    problems = await check_topics(connection, names)
    fatal = [problem.text for problem in problems if problem.fatal]
    if fatal:
        raise MisconfiguredError("\n".join(fatal))
    return problems


async def largest_messages(connection: KafkaConnection, topics: Sequence[str]) -> dict[str, int]:
    """The ``max.message.bytes`` of each topic: what a batch of its records may take."""
    doing = "read the settings of topics"
    async with opened_admin(connection) as admin, within(connection.timeout_seconds, doing, "DescribeConfigs"):
        settings = await persistently(lambda: describe_settings(admin, topics))
    return {topic: settings[topic].max_message_bytes for topic in topics}


def _missing(names: TopicNames, known: Mapping[str, TopicState]) -> Iterator[TopicProblem]:
    for topic in names.all():
        if topic not in known:
            text = f"the topic {names.shown(topic)} does not exist: `engage init` creates what is missing"
            yield TopicProblem(Severity.FATAL, text)


def _misshapen(names: TopicNames, known: Mapping[str, TopicState]) -> Iterator[TopicProblem]:
    ticks = known.get(names.ticks)
    if ticks is not None and ticks.partitions != 1:
        yield TopicProblem(
            Severity.FATAL,
            f"the tick topic {names.shown(names.ticks)} has {ticks.partitions} partitions and must have exactly 1,"
            " since ticks in several have no order: recreate it",
        )
    activity, progress = known.get(names.activity), known.get(names.progress)
    if activity is not None and progress is not None and progress.partitions < activity.partitions:
        yield TopicProblem(
            Severity.GAP,
            f"the activity topic {names.shown(names.activity)} has {activity.partitions} partitions, the progress topic"
            f" only {progress.partitions}, so no worker takes the shards from {progress.partitions} on: `engage init`"
            f" extends the progress topic {names.shown(names.progress)}",
        )


def _unfit(names: TopicNames, settings: Mapping[str, TopicSettings]) -> Iterator[TopicProblem]:
    progress = settings.get(names.progress)
    if progress is not None and progress.cleanup_policy != "compact":
        yield TopicProblem(
            Severity.FATAL,
            f"the progress topic {names.shown(names.progress)} has cleanup.policy={progress.cleanup_policy}, which"
            " loses markers: set it to compact",
        )
    for topic in (names.activity, names.ticks):
        if topic in settings and settings[topic].timestamp_type != "LogAppendTime":
            yield TopicProblem(
                Severity.REMARK,
                f"the topic {names.shown(topic)} has message.timestamp.type={settings[topic].timestamp_type}: what is"
                " in the future is judged by the producers' clocks, not by the broker's. Set it to LogAppendTime",
            )
    inputs = [settings[topic].max_message_bytes for topic in (names.activity, names.ticks) if topic in settings]
    dead_letters = settings.get(names.dead_letters)
    if inputs and dead_letters is not None and dead_letters.max_message_bytes < max(inputs) + ROOM_BESIDE_VALUE_BYTES:
        yield TopicProblem(
            Severity.REMARK,
            f"the dead-letter topic {names.shown(names.dead_letters)} has"
            f" max.message.bytes={dead_letters.max_message_bytes}, not {ROOM_BESIDE_VALUE_BYTES} above the inputs':"
            " larger records are cut to their first 64 KiB. Raise it",
        )


@asynccontextmanager
async def opened_admin(connection: KafkaConnection) -> AsyncIterator[AIOKafkaAdminClient]:
    """A connected client that administers topics."""
    admin = AIOKafkaAdminClient(**connection.arguments())
    try:
        async with within(connection.timeout_seconds, f"connect to {connection.bootstrap_servers}"):
            await start_client(admin, connection)
        yield admin
    finally:
        await stop_admin(admin)
