"""The oracle's cycles: every user at every tick, by the shard that they belong to.

It imports nothing of the project and shares no code with it. Times are whole microseconds since 1970-01-01T00:00:00Z,
unless a name says otherwise.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from tests.oracle_input import (
    DEFAULT_LIMITS,
    FIRST_MOMENT,
    Event,
    InputRecord,
    Limits,
    RejectedError,
    Tick,
    read_event,
    read_tick,
    written,
)
from tests.oracle_rules import SKIP_REASONS, TONES, OutputRecord, Thresholds, User, Verdict, evaluate, message, user_of

Read = TypeVar("Read", Event, Tick)

# Which activity records a tick must see: for each shard, also an empty one, the offset after the last of them.
Barrier = Mapping[int, int]
# What a shard does with a tick, given the tick's offset and the shard: evaluates it with these thresholds, or, where
# there are none, coalesces it.
Treatment = Callable[[int, int], Thresholds | None]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """The record as it came in, and why it can't be used. The text of the detail header is free."""

    record: InputRecord
    reason: str


@dataclass(frozen=True, slots=True)
class Expected:
    messages: tuple[OutputRecord, ...]
    cycles: tuple[OutputRecord, ...]
    dead_letters: tuple[DeadLetter, ...]


def everywhere(thresholds: Thresholds, coalesced: Collection[int] = ()) -> Treatment:
    """All shards alike; `coalesced` holds the offsets of the ticks that they leave out."""
    return lambda offset, _shard: None if offset in coalesced else thresholds


def expect_by_shard(
    activity: Iterable[InputRecord],
    ticks: Iterable[InputRecord],
    visible: Callable[[InputRecord], Barrier],
    treatment: Treatment,
    *,
    limits: Limits = DEFAULT_LIMITS,
) -> Expected:
    """Work out everything the engine must publish for these records, each kind in the order of its input.

    `visible` is asked once for each usable tick that is not stale, `treatment` for each of its shards. Raises
    ValueError for a user with records in shards that treat a tick differently: what becomes of them depends on time.
    """
    events, activity_letters = sort_out(activity, read_event, limits)
    usable_ticks, tick_letters = sort_out(ticks, read_tick, limits)
    state = State(events)
    messages: list[OutputRecord] = []
    cycles: list[OutputRecord] = []
    for record, tick in without_stale(usable_ticks):
        barrier = visible(record)
        treated = {shard: treatment(record.offset, shard) for shard in barrier}
        evaluating = [shard for shard, thresholds in treated.items() if thresholds is not None]
        state.take_in(barrier, evaluating)
        verdicts = {}
        for user in state.users.values():
            thresholds = state.treatment_of(user, treated)
            if thresholds is not None:
                verdicts[user.user_id] = evaluate(user, tick.at, thresholds)
        cycles.append(cycle(tick, verdicts.values(), len(evaluating), len(barrier) - len(evaluating)))
        for user_id, verdict in verdicts.items():
            if verdict.reason == "eligible":
                messages.append(message(state.users[user_id], verdict, tick, limits))
                state.messaged(user_id, tick.at)
    return Expected(tuple(messages), tuple(cycles), (*activity_letters, *tick_letters))


def cycle(tick: Tick, verdicts: Collection[Verdict], evaluated: int, coalesced: int = 0) -> OutputRecord:
    """Sum up what so many shards found that evaluated the tick, while others coalesced it."""
    segments: dict[str, object] = {name: sum(verdict.segment == name for verdict in verdicts) for name in TONES}
    reasons: dict[str, object] = {name: sum(verdict.reason == name for verdict in verdicts) for name in SKIP_REASONS}
    eligible = sum(verdict.reason == "eligible" for verdict in verdicts)
    value: dict[str, object] = {
        "status": "Cycle complete" if not coalesced else "Cycle partial" if evaluated else "Cycle coalesced",
        "total_users": len(verdicts),
        "messages_sent": eligible,
        "users_skipped": len(verdicts) - eligible,
        "segment_breakdown": segments,
        "detailed_stats": {
            "total_users": len(verdicts),
            "eligible": eligible,
            "skipped": len(verdicts) - eligible,
            "by_segment": segments,
            "skip_reasons": reasons,
        },
        "tick_id": tick.tick_id,
        "at": written(tick.at),
        "shards": {"evaluated": evaluated, "coalesced": coalesced},
    }
    return OutputRecord(tick.tick_id.encode(), value)


class State:
    """Every user as far as the activity was taken in."""

    def __init__(self, events: Iterable[tuple[InputRecord, Event]]) -> None:
        """Hold back the events of each partition in the order of their offsets."""
        self.waiting: dict[int, deque[tuple[int, Event]]] = {}
        for record, event in events:
            self.waiting.setdefault(record.partition, deque()).append((record.offset, event))
        self.events: dict[str, list[Event]] = {}
        self.shards: dict[str, set[int]] = {}
        self.users: dict[str, User] = {}
        self.barrier: Barrier = {}

    def take_in(self, barrier: Barrier, shards: Collection[int]) -> None:
        """What these shards have below the barrier, which must not be lower than the one before."""
        if any(barrier.get(partition, 0) < end for partition, end in self.barrier.items()):
            raise ValueError(f"a later tick can't see less: {dict(barrier)} after {dict(self.barrier)}")
        self.barrier = dict(barrier)
        changed: dict[str, None] = {}
        for partition in shards:
            waiting = self.waiting.get(partition, deque())
            while waiting and waiting[0][0] < barrier[partition]:
                event = waiting.popleft()[1]
                self.events.setdefault(event.user_id, []).append(event)
                self.shards.setdefault(event.user_id, set()).add(partition)
                changed[event.user_id] = None
        for user_id in changed:
            before = self.users.get(user_id)
            self.users[user_id] = user_of(self.events[user_id], before.last_messaged if before else None)

    def treatment_of(self, user: User, treated: Mapping[int, Thresholds | None]) -> Thresholds | None:
        """What the user's shard does with the tick."""
        shards = self.shards[user.user_id]
        first, *others = {treated[shard] for shard in shards}
        if others:
            raise ValueError(f"user {user.user_id!r} has records in {shards}, which treat the tick differently")
        return first

    def messaged(self, user_id: str, at: int) -> None:
        self.users[user_id] = replace(self.users[user_id], last_messaged=at)


def sort_out(
    records: Iterable[InputRecord], read: Callable[[InputRecord, Limits], Read], limits: Limits
) -> tuple[list[tuple[InputRecord, Read]], list[DeadLetter]]:
    """Part what can be used, in the order of each log, from what can't."""
    usable: list[tuple[InputRecord, Read]] = []
    letters: list[DeadLetter] = []
    for record in sorted(records, key=lambda r: (r.partition, r.offset)):
        try:
            usable.append((record, read(record, limits)))
        except RejectedError as rejected:
            letters.append(DeadLetter(record, str(rejected)))
    return usable, letters


def without_stale(ticks: Iterable[tuple[InputRecord, Tick]]) -> Iterator[tuple[InputRecord, Tick]]:
    """Leave out each tick whose time is not later than that of one before it."""
    latest = FIRST_MOMENT - 1
    for record, tick in ticks:
        if tick.at > latest:
            latest = tick.at
            yield record, tick
