"""The table for readers: docs/bad-input.md."""

from collections.abc import Iterator
from pathlib import Path

from domain.errors import REASONS, Reason
from tests.bad_input.kinds import Kind
from tests.bad_records import KINDS

DOCUMENT = Path(__file__).parents[2] / "docs" / "bad-input.md"

_BEGINNING = """\
# Bad input

A record that can't be used becomes a *dead letter*: one record in `engagement-dead-letters`, and its shard goes on with
the next one. `engage dlq list` shows them, `engage dlq replay` sends them back.

This page is written by `python -m tests.bad_input` from the table that the tests play to a real Kafka and Postgres,
each kind between good records of the same partition.

## What a dead letter holds

Key, value, headers and timestamp of the record, byte for byte. After the record's own headers come, as text:

| header | what it says |
|---|---|
| `engagement.error.reason` | one of the reasons below; where several apply, the first in their order |
| `engagement.error.detail` | which field, and what was wrong with it; never the input itself |
| `engagement.error.topic`, `.partition`, `.offset` | where the record lies |
| `engagement.error.timestamp` | its Kafka timestamp, in milliseconds since 1970 |
| `engagement.error.truncated`, `.length` | only where not all of it fits; how many bytes the value has in the input |

A record may come with headers of these names, say as a copy of a dead letter. What the engine added begins at the last
`engagement.error.reason`.

**What is too large for the topic.** `engage init` gives it a `max.message.bytes` 64 KiB above that of the input topics,
so only records that were compressed, or a topic with a smaller limit, come to this. The value is cut to its first
64 KiB, or to what there is room for. Where key and headers alone are too large, the largest headers are left out, and
then the end of the key; the detail ends with how many. Such a record can't be sent back: what is missing is missing.

**How long they stay.** Kafka removes records by their timestamp, and a dead letter keeps the one of its record. One
that is older than the topic's `retention.ms` may be removed soon.

A header name that is not UTF-8 is read as Kafka's own Java client reads it, with U+FFFD for each byte that is no text.
"""
_MEANINGS: dict[Reason, str] = {
    "null_value": "The record has no value.",
    "too_large": "The value has more bytes than `ENGAGEMENT_MAX_RECORD_BYTES` (65,536 by default; here 262,144), once"
    " it is decompressed. It is not looked at any further.",
    "bad_json": "The value is no JSON object (RFC 8259) in UTF-8.",
    "missing_field": "A field that is needed is not there.",
    "invalid_field": "A field holds what it can't hold.",
    "unknown_type": "The type is none that belongs in this topic.",
    "key_mismatch": "The key of an activity record is not its user_id, in UTF-8. The key of a tick is free.",
    "future_time": "The time is later than the record's Kafka timestamp and `ENGAGEMENT_MAX_FUTURE_SKEW_SECONDS`"
    " (300 by default).",
}


def text() -> str:
    """The whole document."""
    parts = [_BEGINNING]
    for reason in REASONS:
        parts.append(f"## `{reason}`\n\n{_MEANINGS[reason]}\n\n| kind | topic | the detail names |\n|---|---|---|\n")
        parts[-1] += "".join(f"| {name} | {topic} | {fields} |\n" for name, topic, fields in _rows(reason))
    parts.append("## Odd, and used all the same\n\n| kind | topic |\n|---|---|\n")
    parts[-1] += "".join(f"| {name} | {topic} |\n" for name, topic, _ in _rows(None))
    return "\n".join(parts)


def _rows(reason: Reason | None) -> Iterator[tuple[str, str, str]]:
    """Name, topic and field; what is the same for both topics in one row."""
    by_name: dict[str, list[Kind]] = {}
    for kind in KINDS:
        if kind.reason == reason:
            by_name.setdefault(kind.name, []).append(kind)
    for name, kinds in by_name.items():
        fields = dict.fromkeys(kind.field for kind in kinds)
        yield name, " and ".join(kind.topic for kind in kinds), ", ".join(_shown(field) for field in fields)


def _shown(field: str) -> str:
    return field if field in ("value", "record key") else f"`{field}`"
