"""Asking for a tick, and waiting for what the cycle did."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import datetime

from adapters.kafka.event_producer import EventProducer
from adapters.kafka.topic_reader import TopicReader
from adapters.postgres.connection import connect, disconnect
from adapters.postgres.reports import Reports
from consumer.asking import AskedTick, refusal
from consumer.commands.errors import NoAnswerError, RefusedError
from consumer.commands.output import CycleRecord
from consumer.commands.start import once_reachable
from consumer.settings import Settings
from consumer.wiring import kafka_connection, postgres_dsn, topic_names
from domain.errors import TransientError
from domain.times import format_time

# Between two looks at what the state says of the tick; the cycle's own record is waited for all the time.
_LOOK_SECONDS = 0.5


@contextlib.asynccontextmanager
async def open_producer(settings: Settings) -> AsyncIterator[EventProducer]:
    """A producer for events and ticks, once Kafka can be reached."""
    async with contextlib.AsyncExitStack() as context:
        yield await once_reachable(
            settings, lambda: context.enter_async_context(EventProducer(kafka_connection(settings)))
        )


@contextlib.asynccontextmanager
async def open_reader(settings: Settings, topic: str) -> AsyncIterator[TopicReader]:
    """A reader of the topic, once Kafka can be reached."""
    async with contextlib.AsyncExitStack() as context:
        yield await once_reachable(
            settings, lambda: context.enter_async_context(TopicReader(kafka_connection(settings), topic))
        )


@contextlib.asynccontextmanager
async def open_reports(settings: Settings) -> AsyncIterator[Reports]:
    """What the state says; the first question waits until Postgres can be reached."""
    pool = await connect(postgres_dsn(settings), max_size=1)
    try:
        await once_reachable(settings, Reports(pool).halted_shards)
        yield Reports(pool)
    finally:
        await disconnect(pool)


class CycleWatch:
    """Waits for cycles of ticks that are asked for after it was opened, one after the other."""

    def __init__(self, reader: TopicReader, reports: Reports, timeout_seconds: float) -> None:
        self._reader = reader
        self._reports = reports
        self._timeout_seconds = timeout_seconds

    async def cycle_of(self, asked: AskedTick) -> CycleRecord:
        """The record of the tick's cycle.

        Raises RefusedError when there will be none: the tick is stale or unusable, or a shard is halted; NoAnswerError
        when the time is over.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout_seconds
        trouble = ""
        next_look = loop.time()
        while loop.time() < deadline:
            try:
                if (record := await self._find(asked.tick.at)) is not None:
                    return record
                if loop.time() >= next_look:
                    await self._check(asked)
                    next_look = loop.time() + _LOOK_SECONDS
            except TransientError as error:
                # A service may be away for a while: whoever waits for a cycle waits for it to come back, too.
                trouble = f" The last trouble was: {error}."
                await asyncio.sleep(_LOOK_SECONDS)
        raise NoAnswerError(
            f"The cycle of tick {asked.tick.tick_id} did not end within {self._timeout_seconds:g} s. Do workers run"
            f" (`engage run`), with the same settings as this command?{trouble}"
        )

    async def _find(self, at: datetime) -> CycleRecord | None:
        """The record among those that came since the last look. Others are of ticks that nobody waits for here."""
        found = None
        for record in await self._reader.poll():
            cycle = json.loads(record.value or b"{}")
            if cycle.get("at") == format_time(at):
                found = cycle
        return found

    async def _check(self, asked: AskedTick) -> None:
        state = await self._reports.tick(asked.offset)
        refused = None if state is None else refusal(asked.tick, state)
        if refused is not None:
            raise RefusedError(refused)
        if state is None or not state.ended:
            for shard, reason in (await self._reports.halted_shards()).items():
                raise RefusedError(
                    f"Tick {asked.tick.tick_id} will not end: shard {shard} is halted ({reason}), and no cycle ends"
                    " before an operator has decided about it."
                )


@contextlib.asynccontextmanager
async def open_cycle_watch(settings: Settings, timeout_seconds: float) -> AsyncIterator[CycleWatch]:
    """A watch on the cycles topic from its present end on. Ask for ticks only inside."""
    async with open_reports(settings) as reports, open_reader(settings, topic_names(settings).cycles) as reader:
        reader.seek(await reader.ends())
        yield CycleWatch(reader, reports, timeout_seconds)
