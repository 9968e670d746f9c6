"""What the engine must publish, worked out from its input records alone.

A plain reading of the rules that are promised to the outside. It imports nothing of the project and shares no code with
it, so that no mistake can stand on both sides. Every user is evaluated at every tick; being slow is fine here.
Times are whole microseconds since 1970-01-01T00:00:00Z, unless a name says otherwise.
"""

import json
import re
import unicodedata
import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

Read = TypeVar("Read", "Event", "Tick")

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MESSAGE_TYPE = "CLIENT_ENGAGEMENT_BRAND"
MESSAGE_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:engagement-decision-engine:message")
TONES = {"dormant": "playful", "new_user": "warm", "normal": "neutral"}
SKIP_REASONS = ("active", "recently_messaged")

RFC_3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:Z|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
)
JSON_SPACE = " \t\n\r"
JSON_TOKEN = re.compile(
    r'([{}\[\]:,]|true|false|null|"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"'
    r"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)[ \t\n\r]*"
)
BIDIRECTIONAL_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class InputRecord:
    """A record as it lies in Kafka."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The values that the rules compare with, in microseconds."""

    inactivity: int = 24 * HOUR
    message_frequency: int = 24 * HOUR
    dormant: int = 3 * DAY
    new_user: int = DAY


@dataclass(frozen=True, slots=True)
class Limits:
    """Settings other than thresholds that the outside can see."""

    max_future_skew_seconds: int = 300
    max_record_bytes: int = 65536
    event_source: str = "/engagement-decision-engine"


DEFAULT_THRESHOLDS = Thresholds()
DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Event:
    """A usable activity record; `name` is present in a registration only."""

    user_id: str
    occurred_at: int
    name: str | None


@dataclass(frozen=True, slots=True)
class Tick:
    tick_id: str
    at: int


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


class RejectedError(Exception):
    """The record is a dead letter; the only argument is the reason."""


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


def microseconds(moment_in_time: datetime) -> int:
    """Give an aware datetime as microseconds since 1970."""
    return (moment_in_time - EPOCH) // timedelta(microseconds=1)


def written(at: int) -> str:
    """Write a time as the engine does: UTC, six decimals."""
    return (EPOCH + timedelta(microseconds=at)).isoformat(timespec="microseconds").replace("+00:00", "Z")


FIRST_MOMENT = microseconds(datetime.min.replace(tzinfo=UTC))
LAST_MOMENT = microseconds(datetime.max.replace(tzinfo=UTC))


def parse_time(text: str) -> int | None:
    """Read a time as the engine must; None where it must not."""
    match = RFC_3339.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(digits) for digits in match.groups()[:6])
    fraction, sign, offset_hours, offset_minutes = match.groups()[6:]
    try:
        # datetime has no year 0, which an offset may still lift into year 1. The calendar repeats every 400 years.
        local = microseconds(datetime(year or 400, month, day, hour, minute, second, tzinfo=UTC))
    except ValueError:
        return None
    local += int((fraction or "")[:6].ljust(6, "0")) - (0 if year else 146_097 * DAY)
    offset = (int(offset_hours) * 60 + int(offset_minutes)) * 60 * SECOND if sign else 0
    at = local + offset if sign == "-" else local - offset
    return at if FIRST_MOMENT <= at <= LAST_MOMENT else None


def json_tokens(text: str) -> Iterator[str]:
    """Split a text; raises ValueError at what is no token, and at a string with half a surrogate pair."""
    text = text.lstrip(JSON_SPACE)
    position = 0
    while position < len(text):
        match = JSON_TOKEN.match(text, position)
        if match is None:
            raise ValueError("no JSON token")
        token = match.group(1)
        if token.startswith('"') and any("\ud800" <= character <= "\udfff" for character in json.loads(token)):
            raise ValueError("lone surrogate")
        yield token
        position = match.end()


def next_wanted(wanted: str, token: str, closing: list[str]) -> str:
    """Say what may follow a token; `closing` holds the brackets still to come, innermost last, and is kept up to date.

    Raises ValueError where the token is not what was wanted.
    """
    if wanted in ("key", "key or end") and token.startswith('"'):
        return "colon"
    if wanted == "colon" and token == ":":
        return "value"
    if wanted == "comma or end" and token == ",":
        return "key" if closing[-1] == "}" else "value"
    if wanted.endswith("or end") and token == closing[-1]:
        closing.pop()
        return "comma or end" if closing else "nothing"
    if wanted in ("value", "value or end") and token not in set("}]:,"):
        closing += {"{": "}", "[": "]"}.get(token, "")
        return {"{": "key or end", "[": "value or end"}.get(token, "comma or end")
    raise ValueError(f"{wanted} expected")


def read_object(text: str) -> dict[str, str | None]:
    """Read a JSON object: each member with its text, or None where it is no string. Of a repeated key the last counts.

    Not recursive and without numbers, so that neither deep nesting nor long digits in an ignored field matter.
    Raises ValueError where `text` is anything else.
    """
    if not text.lstrip(JSON_SPACE).startswith("{"):
        raise ValueError("no object")
    members: dict[str, str | None] = {}
    closing: list[str] = []
    wanted, key = "value", ""
    for token in json_tokens(text):
        depth, due = len(closing), wanted
        wanted = next_wanted(wanted, token, closing)
        if depth == 1 and wanted == "colon":
            key = json.loads(token)
        elif depth == 1 and due == "value":
            members[key] = json.loads(token) if token.startswith('"') else None
    if wanted != "nothing":
        raise ValueError(f"{wanted} expected at the end")
    return members


def read_members(record: InputRecord, limits: Limits) -> dict[str, str | None]:
    if record.value is None:
        raise RejectedError("null_value")
    if len(record.value) > limits.max_record_bytes:
        raise RejectedError("too_large")
    try:
        return read_object(record.value.decode("utf-8"))
    except ValueError:
        raise RejectedError("bad_json") from None


def is_label(text: str | None) -> bool:
    return text is not None and 1 <= len(text) <= 128 and all(unicodedata.category(c) != "Cc" for c in text)


def clean_name(text: str | None) -> str | None:
    """Give the name that a user is greeted with, or None where there is none."""
    kept = (c for c in text or "" if unicodedata.category(c) != "Cc" and c not in BIDIRECTIONAL_CONTROLS)
    name = "".join(kept).strip()
    return name if 1 <= len(name) <= 200 else None


def latest_allowed(record: InputRecord, limits: Limits) -> int:
    return record.timestamp_ms * 1000 + limits.max_future_skew_seconds * SECOND


def read_event(record: InputRecord, limits: Limits) -> Event:
    """Read an activity record; raises RejectedError with the first reason that applies."""
    members = read_members(record, limits)
    registration = members.get("type") == "user.registered"
    if not {"type", "user_id", "occurred_at", *(["name"] if registration else [])} <= members.keys():
        raise RejectedError("missing_field")
    user_id, occurred_at = members["user_id"], parse_time(members["occurred_at"] or "")
    name = clean_name(members["name"]) if registration else None
    if members["type"] is None or not is_label(user_id) or occurred_at is None or (registration and name is None):
        raise RejectedError("invalid_field")
    if members["type"] not in ("user.active", "user.registered"):
        raise RejectedError("unknown_type")
    assert user_id is not None
    if record.key != user_id.encode():
        raise RejectedError("key_mismatch")
    if occurred_at > latest_allowed(record, limits):
        raise RejectedError("future_time")
    return Event(user_id, occurred_at, name)


def read_tick(record: InputRecord, limits: Limits) -> Tick:
    """Read a tick, whose key is free; raises RejectedError with the first reason that applies."""
    members = read_members(record, limits)
    if not {"type", "at"} <= members.keys():
        raise RejectedError("missing_field")
    at, tick_id = parse_time(members["at"] or ""), members.get("tick_id", members["at"])
    if members["type"] is None or at is None or not is_label(tick_id):
        raise RejectedError("invalid_field")
    if members["type"] != "engagement.tick":
        raise RejectedError("unknown_type")
    if at > latest_allowed(record, limits):
        raise RejectedError("future_time")
    assert tick_id is not None
    return Tick(tick_id, at)


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
