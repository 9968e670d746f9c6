"""The composition root: builds the service from its settings."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from adapters.codec import encode_message
from adapters.kafka.activity import POLL_INTERVAL_SECONDS, KafkaActivityStream
from adapters.kafka.connection import KafkaConnection
from adapters.kafka.inspection import partition_counts
from adapters.kafka.log import KafkaActivityLog
from adapters.kafka.producer import KafkaProducers
from adapters.kafka.rights import require_rights, rights_of_engine
from adapters.kafka.ticks import KafkaTickStream
from adapters.kafka.topics import TopicNames, largest_messages, require_topics
from adapters.postgres.connection import connect, disconnect
from adapters.postgres.history import HistoryRows
from adapters.postgres.inspection import require_rights as require_postgres_rights
from adapters.postgres.migrations import check_schema
from adapters.postgres.overview import read_overview
from adapters.postgres.store import PostgresStore
from consumer import metrics
from consumer.cycle import CHUNK_USERS, CHUNKS_AT_ONCE, TickEvaluation
from consumer.dead_letters import DeadLetters
from consumer.hindrance import Hindrance
from consumer.history import History
from consumer.ingest import Ingest
from consumer.judging import Judging
from consumer.kept_records import KeptRecords
from consumer.ownership import ShardHolder
from consumer.publish import Publisher
from consumer.service import Service
from consumer.settings import Settings, with_origins
from consumer.shard import OwnedShard
from consumer.steps import StepHook, no_hook
from consumer.survey import Survey
from consumer.watchdog import Watchdog
from consumer.worker import ShardWorker
from domain.ownership import OutboxEntry, ShardState
from domain.ports import ActivityLog, ActivityStream, Producers, Store

log = structlog.get_logger()


def kafka_connection(settings: Settings) -> KafkaConnection:
    """Where Kafka is."""
    return KafkaConnection(settings.kafka_bootstrap_servers, security=settings.kafka_security)


def postgres_dsn(settings: Settings) -> str:
    """Where Postgres is: a secret, not to be printed."""
    return settings.postgres_dsn.get_secret_value()


def topic_names(settings: Settings) -> TopicNames:
    """The topics by their roles."""
    return TopicNames(
        activity=settings.activity_topic,
        ticks=settings.tick_topic,
        messages=settings.message_topic,
        cycles=settings.cycle_topic,
        dead_letters=settings.dead_letter_topic,
        progress=settings.progress_topic,
    )


@dataclass(frozen=True, slots=True)
class Tuning:
    """What no setting changes, and tests do.

    ``hook`` hears of every numbered step. ``chunk_users``: how many users one transaction decides about.
    ``poll_interval_seconds``: after how long without a poll the client leaves the group for good.
    """

    hook: StepHook = no_hook
    chunk_users: int = CHUNK_USERS
    poll_interval_seconds: float = POLL_INTERVAL_SECONDS


class Workshop:
    """Makes what works for one shard, each time it is taken over."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        stream: ActivityStream,
        activity: ActivityLog,
        producers: Producers,
        dead_letters: DeadLetters,
        hindrance: Hindrance,
        tuning: Tuning,
    ) -> None:
        self._settings = settings
        self._store = store
        self._stream = stream
        self._activity = activity
        self._producers = producers
        self._dead_letters = dead_letters
        self._hindrance = hindrance
        self._tuning = tuning
        self._records = KeptRecords()
        self._turns = asyncio.Semaphore(CHUNKS_AT_ONCE)

    def holder(self, shard: int, owned: dict[int, ShardWorker]) -> ShardHolder:
        """Holds the shard from its assignment on; its worker is in ``owned`` while the shard is."""
        return ShardHolder(
            shard,
            self._store,
            self._stream,
            self._activity,
            self.worker,
            owned,
            policy=self._settings.policy,
            hindrance=self._hindrance,
            hook=self._tuning.hook,
        )

    def worker(self, state: ShardState, unpublished: list[OutboxEntry]) -> ShardWorker:
        """Works for one ownership."""
        shard = OwnedShard(self._store, state, unpublished, self._records)
        settings, hook = self._settings, self._tuning.hook
        policy, limits = settings.policy, settings.limits
        publisher = Publisher(
            shard,
            self._store,
            self._producers,
            cycle_topic=settings.cycle_topic,
            messages_logged=settings.log_messages_per_cycle,
            hook=hook,
        )
        evaluation = TickEvaluation(
            shard,
            publisher,
            self._activity,
            policy=policy,
            encode=partial(encode_message, topic=settings.message_topic, event_source=settings.event_source),
            hook=hook,
            chunk_users=self._tuning.chunk_users,
            turns=self._turns,
        )
        ingest = Ingest(shard, publisher, policy=policy, limits=limits, dead_letters=self._dead_letters, hook=hook)
        judging = Judging(shard, publisher, limits=limits, dead_letters=self._dead_letters, hook=hook)
        return ShardWorker(shard, publisher, ingest, evaluation, judging)


@dataclass(frozen=True, slots=True)
class Opened:
    """The service, and what is to run beside it for as long as it runs."""

    service: Service
    beside: Sequence[Callable[[], Awaitable[None]]]


@contextlib.asynccontextmanager
async def open_service(settings: Settings, tuning: Tuning) -> AsyncIterator[Opened]:
    """The service, its surroundings checked and connected; disconnected afterwards.

    Raises MisconfiguredError when topics or schema don't fit, TransientError when Kafka or Postgres can't be reached.
    """
    connection = kafka_connection(settings)
    async with contextlib.AsyncExitStack() as opened:
        pool = await connect(postgres_dsn(settings))
        # Those who run beside the service, the watchdog above all, must get an answer also when it waits for one.
        spare = await connect(postgres_dsn(settings), max_size=3)
        for each in (pool, spare):
            opened.push_async_callback(disconnect, each)
        # First: without a right, the schema would be called missing.
        await require_postgres_rights(pool)
        await check_schema(pool)
        names = topic_names(settings)
        # All of them, and now: a right to the dead letters, say, may not be needed before the first one.
        await require_rights(connection, rights_of_engine(names, settings.consumer_group))
        for problem in await require_topics(connection, names):
            log.warning("topics_remarked", remark=with_origins(problem.text))
        sizes = await largest_messages(connection, [names.messages, names.dead_letters])
        dead_letters = DeadLetters(names.dead_letters, sizes[names.dead_letters])

        activity = KafkaActivityLog(connection, names.activity, names.progress)
        ticks = KafkaTickStream(connection, names.ticks)
        stream = KafkaActivityStream(
            connection,
            names.activity,
            settings.consumer_group,
            settings.session_timeout_seconds,
            tuning.poll_interval_seconds,
        )
        for client in (activity, ticks, stream):
            await client.start()
            opened.push_async_callback(client.stop)

        store = PostgresStore(pool)
        producers = KafkaProducers(connection, settings.consumer_group, names.progress, min(sizes.values()))
        hindrance = Hindrance()
        workshop = Workshop(settings, store, stream, activity, producers, dead_letters, hindrance, tuning)
        watchdog = Watchdog(
            PostgresStore(spare),
            activity,
            ticks,
            hindrance,
            partial(partition_counts, connection, [names.activity]),
            stuck_exit_seconds=settings.stuck_exit_seconds,
        )
        service = Service(stream, store, ticks, workshop.holder, watchdog, hindrance)
        survey = Survey(partial(read_overview, spare), activity, ticks, stream, service.owned)
        beside = [service.watch, survey.run]
        if settings.history is not None:
            beside.append(History(HistoryRows(spare), settings.history).run)
        metrics.watch_pool(pool.get_max_size, pool.get_size, pool.get_idle_size)
        yield Opened(service, beside)
