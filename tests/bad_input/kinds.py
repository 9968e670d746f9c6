"""A kind of input record, and the record that it is made from.

Most kinds apply to activity and to ticks alike. Wherever a kind allows it, value and key hold the record's canary, a
random word that nobody may repeat.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

from domain.errors import Reason
from domain.records import Headers

Topic = Literal["activity", "ticks"]
TOPICS: tuple[Topic, ...] = ("activity", "ticks")
Codec = Literal["gzip", "snappy", "lz4", "zstd"]
CODECS: tuple[Codec, ...] = ("gzip", "snappy", "lz4", "zstd")

# Four times the default, so that 100,000 levels of nesting are judged by their kind and not by their length.
MAX_RECORD_BYTES = 262_144
SKEW = timedelta(seconds=300)
_OWN_NAMES: dict[Topic, dict[str, str]] = {
    "activity": {"label": "user_id", "time": "occurred_at"},
    "ticks": {"label": "tick_id", "time": "at"},
}
_TYPES: dict[Topic, str] = {"activity": "user.active", "ticks": "engagement.tick"}


@dataclass(frozen=True, slots=True)
class Draft:
    """A record to produce, which says that something happened at ``moment``; that is its Kafka timestamp too."""

    topic: Topic
    canary: str
    moment: datetime
    timestamp_ms: int
    members: dict[str, Any]
    key: bytes | None
    value: bytes | None = None
    headers: Headers = ()

    @property
    def odd_headers(self) -> bool:
        """Whether names of headers are not UTF-8: bytes that are no text stand there as lone surrogates."""
        return any("\udc80" <= character <= "\udcff" for name, _ in self.headers for character in name)

    @property
    def arriving_headers(self) -> Headers:
        """As readers get them: each byte of a name that is no text is U+FFFD."""
        return tuple(
            (name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"), v) for name, v in self.headers
        )

    def own_name(self, member: str) -> str:
        """What the topic calls ``label`` and ``time``; other names stay."""
        return _OWN_NAMES[self.topic].get(member, member)

    def with_members(self, **changes: Any) -> "Draft":
        """With other members; ``...`` leaves one out."""
        members = self.members | {self.own_name(name): value for name, value in changes.items()}
        members = {name: value for name, value in members.items() if value is not ...}
        return replace(self, members=members, value=json.dumps(members, ensure_ascii=False).encode())

    def labelled(self, label: str) -> "Draft":
        """Of another user or tick, key and all."""
        return replace(self.with_members(label=label), key=label.encode())

    def ending(self, raw: bytes) -> "Draft":
        """With one member more, whose JSON is given as it stands."""
        return replace(self, value=(self.value or b"")[:-1] + b", " + raw + b"}")

    def padded(self, size: int) -> "Draft":
        """With white space at the end of the value, which is so many bytes long then."""
        return replace(self, value=(self.value or b"").ljust(size))


def good_draft(topic: Topic, canary: str, moment: datetime) -> Draft:
    """A record as it should be. An ignored field holds the canary too."""
    members = {"type": _TYPES[topic], "note": canary}
    bare = Draft(topic, canary, moment, round(moment.timestamp() * 1000), members, canary.encode())
    return bare.with_members(label=canary, time=moment.isoformat())


Change: TypeAlias = Callable[[Draft], Draft]
Rows: TypeAlias = list[tuple[str, str, Change]]
"""A name, the field that the detail names, and what is done to a good record."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of record on one topic: what is done to a good record, and what the engine must say of the result.

    ``reason`` None: it can be used. ``timed``: that depends on the record's own Kafka timestamp, which a topic that
    takes the broker's time replaces.
    """

    name: str
    topic: Topic
    reason: Reason | None
    field: str
    change: Change
    codec: Codec | None = None
    timed: bool = False

    def __str__(self) -> str:
        return f"{self.topic}, {self.name}"


def on(topic: Topic, reason: Reason | None, rows: Rows, *, timed: bool = False) -> list[Kind]:
    """The rows as kinds of a topic."""
    own = _OWN_NAMES[topic]
    return [
        Kind(name.replace("label", own["label"]), topic, reason, own.get(field, field), change, timed=timed)
        for name, field, change in rows
    ]


def on_both(reason: Reason | None, rows: Rows, *, timed: bool = False) -> list[Kind]:
    """The rows as kinds of both topics."""
    return [*on("activity", reason, rows, timed=timed), *on("ticks", reason, rows, timed=timed)]


def compressed(name: str, topic: Topic, reason: Reason | None, field: str, change: Change, codec: Codec) -> Kind:
    """A kind that is produced in a compressed batch."""
    return Kind(name, topic, reason, field, change, codec)
