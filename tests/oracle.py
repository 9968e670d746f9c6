"""What the engine must publish, worked out from its input records alone.

A plain reading of the rules that are promised to the outside. It imports nothing of the project and shares no code with
it, so that no mistake can stand on both sides. Every user is evaluated at every tick; being slow is fine here.
Times are whole microseconds since 1970-01-01T00:00:00Z, unless a name says otherwise.
"""

import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from tests.oracle_input import (
    DAY,
    DEFAULT_LIMITS,
    FIRST_MOMENT,
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
    "User",
    "barriers_in_order",
    "clean_name",
    "evaluate",
    "evaluate_all",
    "expect",
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

Read = TypeVar("Read", "Event", "Tick")
HOUR = 3600 * SECOND
MESSAGE_TYPE = "CLIENT_ENGAGEMENT_BRAND"
MESSAGE_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:engagement-decision-engine:message")
TONES = {"dormant": "playful", "new_user": "warm", "normal": "neutral"}
SKIP_REASONS = ("active", "recently_messaged")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The values that the rules compare with, in microseconds."""

    inactivity: int = 24 * HOUR
    message_frequency: int = 24 * HOUR
    dormant: int = 3 * DAY
    new_user: int = DAY


DEFAULT_THRESHOLDS = Thresholds()


@dataclass(frozen=True, slots=True)
class User:
    user_id: str
    name: str
    created_at: int
    last_active: int
    last_messaged: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` is "eligible" or why the user is skipped; `segment` and `tone` are those of an eligible user."""

    reason: str
    segment: str | None = None
    tone: str | None = None


@dataclass(frozen=True, slots=True)
class OutputRecord:
    """A message (all of it) or a cycle (whose headers are free, and empty here)."""

    key: bytes
    value: dict[str, object]
    headers: tuple[tuple[str, bytes], ...] = ()


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


# Which activity records a tick must see: for each shard, also an empty one, the offset after the last of them.
Barrier = Mapping[int, int]


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


def user_of(events: Collection[Event], last_messaged: int | None) -> User:
    """One user's events, at least one, in whatever order and however often each came."""
    registrations = [event for event in events if event.name is not None]
    return User(
        user_id=next(event.user_id for event in events),
        name=max(((event.occurred_at, event.name or "") for event in registrations), default=(0, "there"))[1],
        created_at=min(event.occurred_at for event in registrations or events),
        last_active=max(event.occurred_at for event in events),
        last_messaged=last_messaged,
    )


def evaluate(user: User, at: int, thresholds: Thresholds) -> Verdict:
    idle = at - user.last_active
    age = at - user.created_at
    if idle <= thresholds.inactivity:
        return Verdict("active")
    if user.last_messaged is not None and at - user.last_messaged < thresholds.message_frequency:
        return Verdict("recently_messaged")
    segment = "dormant" if idle >= thresholds.dormant else "new_user" if age < thresholds.new_user else "normal"
    return Verdict("eligible", segment, TONES[segment])


def evaluate_all(users: Iterable[User], at: int, thresholds: Thresholds) -> dict[str, Verdict]:
    """Judge each user at one moment; by user id."""
    return {user.user_id: evaluate(user, at, thresholds) for user in users}


def greeting(tone: str | None, name: str) -> str:
    return {
        "playful": f"Hey {name}, we miss you! 😉",
        "warm": f"Welcome, {name}! We're so glad you're here! 🌟",
        "neutral": f"Hi {name}, just checking in! 👋",
    }[tone or ""]


def message(user: User, verdict: Verdict, tick: Tick, limits: Limits) -> OutputRecord:
    decided_at = written(tick.at)
    message_id = str(uuid.uuid5(MESSAGE_NAMESPACE, f"{decided_at}/{user.user_id}"))
    value: dict[str, object] = {
        "message_id": message_id,
        "type": MESSAGE_TYPE,
        "user_id": user.user_id,
        "content": greeting(verdict.tone, user.name),
        "segment": verdict.segment,
        "tone": verdict.tone,
        "reason": verdict.reason,
        "tick_id": tick.tick_id,
        "decided_at": decided_at,
    }
    headers = {
        "ce_specversion": "1.0",
        "ce_id": message_id,
        "ce_type": MESSAGE_TYPE,
        "ce_source": limits.event_source,
        "ce_time": decided_at,
        "content-type": "application/json",
    }
    return OutputRecord(user.user_id.encode(), value, tuple((name, text.encode()) for name, text in headers.items()))


def cycle(tick: Tick, verdicts: Collection[Verdict], shards: int, *, coalesced: bool) -> OutputRecord:
    segments: dict[str, object] = {name: sum(verdict.segment == name for verdict in verdicts) for name in TONES}
    reasons: dict[str, object] = {name: sum(verdict.reason == name for verdict in verdicts) for name in SKIP_REASONS}
    eligible = sum(verdict.reason == "eligible" for verdict in verdicts)
    value: dict[str, object] = {
        "status": "Cycle coalesced" if coalesced else "Cycle complete",
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
        "shards": {"evaluated": 0 if coalesced else shards, "coalesced": shards if coalesced else 0},
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
        self.users: dict[str, User] = {}
        self.barrier: Barrier = {}

    def take_in(self, barrier: Barrier) -> None:
        """Everything below the barrier, which must not be lower than the one before."""
        if any(barrier.get(partition, 0) < end for partition, end in self.barrier.items()):
            raise ValueError(f"a later tick can't see less: {dict(barrier)} after {dict(self.barrier)}")
        self.barrier = dict(barrier)
        seen = []
        for partition, waiting in self.waiting.items():
            while waiting and waiting[0][0] < barrier.get(partition, 0):
                seen.append(waiting.popleft()[1])
        for event in seen:
            self.events.setdefault(event.user_id, []).append(event)
        for user_id in dict.fromkeys(event.user_id for event in seen):
            before = self.users.get(user_id)
            self.users[user_id] = user_of(self.events[user_id], before.last_messaged if before else None)

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
    latest = FIRST_MOMENT - 1
    for record, tick in ticks:
        if tick.at > latest:
            latest = tick.at
            yield record, tick


def expect(
    activity: Iterable[InputRecord],
    ticks: Iterable[InputRecord],
    visible: Callable[[InputRecord], Barrier],
    *,
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
    limits: Limits = DEFAULT_LIMITS,
    coalesced: Collection[int] = (),
) -> Expected:
    """Work out everything the engine must publish for these records, each kind in the order of its input.

    `visible` is asked once for each usable tick that is not stale. `coalesced` holds the offsets of ticks that every
    shard coalesced. Cycles that only some shards evaluated are not covered.
    """
    events, activity_letters = sort_out(activity, read_event, limits)
    usable_ticks, tick_letters = sort_out(ticks, read_tick, limits)
    state = State(events)
    messages: list[OutputRecord] = []
    cycles: list[OutputRecord] = []
    for record, tick in without_stale(usable_ticks):
        barrier = visible(record)
        if record.offset in coalesced:
            cycles.append(cycle(tick, [], len(barrier), coalesced=True))
            continue
        state.take_in(barrier)
        verdicts = evaluate_all(state.users.values(), tick.at, thresholds)
        cycles.append(cycle(tick, verdicts.values(), len(barrier), coalesced=False))
        for user_id, verdict in verdicts.items():
            if verdict.reason == "eligible":
                messages.append(message(state.users[user_id], verdict, tick, limits))
                state.messaged(user_id, tick.at)
    return Expected(tuple(messages), tuple(cycles), (*activity_letters, *tick_letters))
