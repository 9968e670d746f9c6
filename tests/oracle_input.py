"""How the oracle reads input records: which can be used, and why the others can't.

A plain reading of the rules that are promised to the outside. It imports nothing of the project and shares no code with
it. Times are whole microseconds since 1970-01-01T00:00:00Z, unless a name says otherwise.
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SECOND = 1_000_000
DAY = 24 * 3600 * SECOND
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
class Limits:
    """Settings other than thresholds that the outside can see."""

    max_future_skew_seconds: int = 300
    max_record_bytes: int = 65536
    event_source: str = "/engagement-decision-engine"


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


class RejectedError(Exception):
    """The record is a dead letter; the only argument is the reason."""


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
