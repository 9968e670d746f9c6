"""What the engine must publish, worked out from its input records alone.

A plain reading of the rules that are promised to the outside. It imports nothing of the project and shares no code with
it, so that no mistake can stand on both sides. Every user is evaluated at every tick; being slow is fine here.
Times are whole microseconds since 1970-01-01T00:00:00Z, unless a name says otherwise.
"""

from collections.abc import Callable, Collection, Iterable, Mapping

from tests.oracle_cycles import (
    Barrier,
    DeadLetter,
    Expected,
    Treatment,
    cycle,
    everywhere,
    expect_by_shard,
)
from tests.oracle_input import (
    DAY,
    DEFAULT_LIMITS,
    SECOND,
    Event,
    InputRecord,
    Limits,
    RejectedError,
    Tick,
    clean_name,
    microseconds,
    parse_time,
    read_event,
    read_object,
    read_tick,
    written,
)
from tests.oracle_rules import (
    DEFAULT_THRESHOLDS,
    HOUR,
    SKIP_REASONS,
    TONES,
    OutputRecord,
    Thresholds,
    User,
    Verdict,
    evaluate,
    evaluate_all,
    greeting,
    message,
    user_of,
)

__all__ = [
    "DAY",
    "DEFAULT_LIMITS",
    "DEFAULT_THRESHOLDS",
    "HOUR",
    "SECOND",
    "SKIP_REASONS",
    "TONES",
    "Barrier",
    "DeadLetter",
    "Event",
    "Expected",
    "InputRecord",
    "Limits",
    "OutputRecord",
    "RejectedError",
    "Thresholds",
    "Tick",
    "Treatment",
    "User",
    "Verdict",
    "barriers_in_order",
    "clean_name",
    "cycle",
    "evaluate",
    "evaluate_all",
    "everywhere",
    "expect",
    "expect_by_shard",
    "explicit_barriers",
    "greeting",
    "message",
    "microseconds",
    "parse_time",
    "read_event",
    "read_object",
    "read_tick",
    "user_of",
    "written",
]


def explicit_barriers(by_tick_offset: Mapping[int, Barrier]) -> Callable[[InputRecord], Barrier]:
    """Barriers known to the caller, for instance the end offsets noted when each tick was produced."""
    return lambda tick: by_tick_offset[tick.offset]


def barriers_in_order(
    produced: Iterable[InputRecord], tick_topic: str, shards: int
) -> Callable[[InputRecord], Barrier]:
    """Barriers of activity records and ticks listed in the order in which they were produced, one after the other.

    Kafka timestamps can't give that order: several records share a millisecond.
    """
    ends = dict.fromkeys(range(shards), 0)
    by_tick_offset: dict[int, Barrier] = {}
    for record in produced:
        if record.topic == tick_topic:
            by_tick_offset[record.offset] = dict(ends)
        else:
            ends[record.partition] = record.offset + 1
    return explicit_barriers(by_tick_offset)


def expect(
    activity: Iterable[InputRecord],
    ticks: Iterable[InputRecord],
    visible: Callable[[InputRecord], Barrier],
    *,
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
    limits: Limits = DEFAULT_LIMITS,
    coalesced: Collection[int] = (),
) -> Expected:
    """Work out everything the engine must publish when all shards treat each tick alike; see `expect_by_shard`.

    `coalesced` holds the offsets of ticks that every shard coalesced.
    """
    return expect_by_shard(activity, ticks, visible, everywhere(thresholds, coalesced), limits=limits)
