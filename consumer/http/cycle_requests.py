"""Asking for a cycle over HTTP: the body becomes a tick, and its cycle is waited for."""

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime

from adapters.codec import Limits, decode_tick
from adapters.codec.decoding import ENGAGEMENT_TICK
from adapters.codec.json_objects import read_object
from adapters.kafka.connection import KafkaConnection
from adapters.kafka.event_producer import EventProducer
from adapters.postgres.reports import Reports
from consumer.asking import AskedTick, ask_for_tick, refusal
from domain.cycles import Cycle
from domain.errors import EngagementError, RejectedRecordError, TransientError
from domain.events import Tick
from domain.records import InputRecord
from domain.times import format_time
from domain.users import MICROSECOND

# Between two looks at what became of a tick: at first often, for a cycle may take some ten milliseconds.
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.02, 0.5


class RefusedTickError(EngagementError):
    """The tick will never be evaluated: another one of its time, or of a later one, came before it."""


def tick_of(body: bytes, now: datetime, limits: Limits) -> Tick:
    """The tick that a request's body asks for; an empty body asks for one of this moment.

    Raises RejectedRecordError where the topic would reject it too.
    """
    if len(body) > limits.max_record_bytes:
        raise RejectedRecordError("too_large", f"the body has more than {limits.max_record_bytes} bytes")
    try:
        members = read_object(body) if body.strip() else {}
    except ValueError as problem:
        raise RejectedRecordError("bad_json", f"the body {problem}") from problem
    tick: dict[str, str | None] = {"type": ENGAGEMENT_TICK, "at": format_time(now)}
    tick |= {name: members[name] for name in ("type", "at", "tick_id") if name in members}
    timestamp_ms = int(now.timestamp() * 1_000)
    return decode_tick(InputRecord("", 0, 0, timestamp_ms, None, json.dumps(tick).encode()), limits)


@dataclass(frozen=True, slots=True)
class CycleRequests:
    """Asks for ticks, and waits for their cycles."""

    connection: KafkaConnection
    tick_topic: str
    limits: Limits
    reports: Reports

    async def ask(self, body: bytes) -> AskedTick:
        """Produce the tick that the body asks for. Raises RejectedRecordError, TransientError, MisconfiguredError."""
        tick = tick_of(body, datetime.now(UTC), self.limits)
        # One for each request: they are rare, and a producer is for one task at a time.
        async with EventProducer(self.connection) as producer:
            return await ask_for_tick(producer, self.tick_topic, tick)

    async def cycle_of(self, asked: AskedTick, timeout_seconds: float) -> Cycle | None:
        """The tick's cycle; None when it has not ended in time. Raises RefusedTickError."""
        pause = _FIRST_PAUSE_SECONDS
        try:
            async with asyncio.timeout(timeout_seconds):
                while (cycle := await self._look(asked)) is None:
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
                return cycle
        except TimeoutError:
            return None

    async def _look(self, asked: AskedTick) -> Cycle | None:
        try:
            state = await self.reports.tick(asked.offset)
            if state is None:
                return None
            refused = refusal(asked.tick, state)
            if refused is not None:
                raise RefusedTickError(refused)
            if not state.ended:
                return None
            [cycle] = await self.reports.cycles(1, before=asked.tick.at + MICROSECOND)
        except TransientError:
            return None  # whoever waits for a cycle waits for Postgres to come back, too
        return cycle
