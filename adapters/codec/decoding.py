"""Input records become events and ticks, or are rejected with the first reason that applies."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NotRequired

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from adapters.codec.fields import LABEL_RULE, NAME_RULE, TIME_RULE, clean_name, is_label, parse_time
from adapters.codec.json_objects import read_object
from domain.errors import RejectedRecordError
from domain.events import Activity, Tick
from domain.records import InputRecord

USER_ACTIVE: Final = "user.active"
USER_REGISTERED: Final = "user.registered"
ENGAGEMENT_TICK: Final = "engagement.tick"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_Members = Mapping[str, Any]


@with_config(ConfigDict(strict=True))
class _ActivityMembers(TypedDict):
    type: str
    user_id: str
    occurred_at: str
    name: NotRequired[Any]


@with_config(ConfigDict(strict=True))
class _TickMembers(TypedDict):
    type: str
    at: str
    tick_id: NotRequired[Any]


# Built once: that takes milliseconds, reading a record with one of them a microsecond.
_ACTIVITY_READER = TypeAdapter(_ActivityMembers)
_TICK_READER = TypeAdapter(_TickMembers)


@dataclass(frozen=True, slots=True)
class Limits:
    """What input records may ask for: how far ahead of their Kafka timestamp, and how many bytes of value."""

    max_future_skew: timedelta
    max_record_bytes: int


def decode_activity(record: InputRecord, limits: Limits) -> Activity:
    """What the record says a user did; see `ordinary.py` for many of them. Raises RejectedRecordError."""
    members = _members(record, limits, _ACTIVITY_READER)
    kind = members.get("type")
    for field in ("type", "user_id", "occurred_at"):
        _require(members, field)
    if kind == USER_REGISTERED:
        _require(members, "name")
    _require_string(kind, "type")
    user_id = _label(members["user_id"], "user_id")
    occurred_at = _time(members["occurred_at"], "occurred_at")
    name = _name(members["name"]) if kind == USER_REGISTERED else None
    if kind not in (USER_ACTIVE, USER_REGISTERED):
        raise RejectedRecordError("unknown_type", f"type: must be {USER_ACTIVE} or {USER_REGISTERED}")
    if record.key != user_id.encode():
        problem = "must be the user_id, but there is none" if record.key is None else "is not the user_id"
        raise RejectedRecordError("key_mismatch", f"record key: {problem}")
    _refuse_future(occurred_at, "occurred_at", record, limits)
    return Activity(user_id, occurred_at, name)


def decode_tick(record: InputRecord, limits: Limits) -> Tick:
    """The evaluation that the record asks for. Its key is free. Raises RejectedRecordError."""
    members = _members(record, limits, _TICK_READER)
    kind = members.get("type")
    for field in ("type", "at"):
        _require(members, field)
    _require_string(kind, "type")
    at = _time(members["at"], "at")
    tick_id = _label(members.get("tick_id", members["at"]), "tick_id")
    if kind != ENGAGEMENT_TICK:
        raise RejectedRecordError("unknown_type", f"type: must be {ENGAGEMENT_TICK}")
    _refuse_future(at, "at", record, limits)
    return Tick(tick_id, at)


def _members(record: InputRecord, limits: Limits, reader: TypeAdapter[Any]) -> _Members:
    value = record.value
    if value is None:
        raise RejectedRecordError("null_value", "value: there is none")
    if len(value) > limits.max_record_bytes:
        detail = f"value: has {len(value)} bytes, more than the {limits.max_record_bytes} allowed"
        raise RejectedRecordError("too_large", detail)
    # pydantic's parser takes these two words for numbers, which JSON doesn't have.
    if b"NaN" not in value and b"Infinity" not in value:
        try:
            members: _Members = reader.validate_json(value)
        except ValidationError:
            pass  # a field is missing or no string, or the text is one that only the exact reader can judge
        else:
            return members
    try:
        return read_object(value)
    except ValueError as problem:
        raise RejectedRecordError("bad_json", f"value: {problem}") from None


def _require(members: _Members, field: str) -> None:
    if field not in members:
        raise RejectedRecordError("missing_field", f"{field}: is missing")


def _require_string(value: object, field: str) -> None:
    if not isinstance(value, str):
        raise RejectedRecordError("invalid_field", f"{field}: must be a string")


def _label(value: object, field: str) -> str:
    if not isinstance(value, str) or not is_label(value):
        raise RejectedRecordError("invalid_field", f"{field}: {LABEL_RULE}")
    return value


def _name(value: object) -> str:
    name = clean_name(value)
    if name is None:
        raise RejectedRecordError("invalid_field", f"name: {NAME_RULE}")
    return name


def _time(value: object, field: str) -> datetime:
    try:
        return parse_time(value)
    except ValueError:
        raise RejectedRecordError("invalid_field", f"{field}: {TIME_RULE}") from None


def _refuse_future(at: datetime, field: str, record: InputRecord, limits: Limits) -> None:
    # In whole numbers: a producer may have set a Kafka timestamp that no datetime can hold.
    latest = record.timestamp * 1000 + limits.max_future_skew // _MICROSECOND
    if (at - _EPOCH) // _MICROSECOND > latest:
        seconds = limits.max_future_skew.total_seconds()
        detail = f"{field}: is more than {seconds:g} seconds after the record's Kafka timestamp"
        raise RejectedRecordError("future_time", detail)
