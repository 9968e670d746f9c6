"""Asking for a tick, and what to tell whoever asked for one that will never be evaluated."""

from dataclasses import dataclass

from adapters.codec import encode_tick
from adapters.kafka.event_producer import EventProducer
from adapters.postgres.reports import TickState
from domain.events import Tick
from domain.ticks import Verdict
from domain.times import format_time


@dataclass(frozen=True, slots=True)
class AskedTick:
    """A tick that was produced, at its offset in the tick topic."""

    tick: Tick
    offset: int


async def ask_for_tick(producer: EventProducer, topic: str, tick: Tick) -> AskedTick:
    """Produce the tick. Every record acknowledged before is in the state when a shard evaluates it."""
    _, offset = await producer.deliver(encode_tick(tick, topic))
    return AskedTick(tick, offset)


def refusal(tick: Tick, state: TickState) -> str | None:
    """Why the tick will not be evaluated; None when it will be, or was."""
    if state.verdict is Verdict.STALE:
        return (
            f"Tick {tick.tick_id} is stale: its time, {format_time(tick.at)}, is not later than that of a tick before"
            " it. Nothing was evaluated."
        )
    if state.verdict is Verdict.UNUSABLE:
        return (
            f"Tick {tick.tick_id} can't be used, and went to the dead letters: most likely its time,"
            f" {format_time(tick.at)}, lies too far in the future. Nothing was evaluated."
        )
    return None
