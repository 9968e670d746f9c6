"""What was read from the output topics, compared with what the oracle expects.

Independent of the project, like the oracle. A difference is one line for a person: missing, unexpected, repeated
(the same record more than once) or altered (the same record with another content, field by field).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from tests.oracle import DeadLetter, Expected, InputRecord, OutputRecord

ERROR_HEADER = "engagement.error."
# What is left of a dead letter that is too large for its topic.
TRUNCATED_BYTES = 64 * 1024
LONGEST_SHOWN = 200

# A record's content as text, field by field: "key", "value.segment", "header ce_id".
Fields = dict[str, str]


class ReadRecord(Protocol):
    """A record read from Kafka; the oracle's InputRecord is one."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp_ms(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


def differences(
    expected: Expected,
    messages: Iterable[ReadRecord],
    cycles: Iterable[ReadRecord],
    dead_letters: Iterable[ReadRecord],
) -> list[str]:
    """Every difference, nothing where the engine did exactly what it should."""
    return [
        *message_differences(expected.messages, messages),
        *cycle_differences(expected.cycles, cycles),
        *dead_letter_differences(expected.dead_letters, dead_letters),
    ]


def message_differences(expected: Iterable[OutputRecord], read: Iterable[ReadRecord]) -> list[str]:
    """By message_id; key, every field of the value and every header count, their order doesn't."""
    wanted = {str(record.value["message_id"]): _output_fields(record) for record in expected}
    return _compare("message", wanted, (_json_record(record, "message_id", with_headers=True) for record in read))


def cycle_differences(expected: Iterable[OutputRecord], read: Iterable[ReadRecord]) -> list[str]:
    """By `at`, which identifies the tick; headers are free."""
    wanted = {str(record.value["at"]): _output_fields(record) for record in expected}
    return _compare("cycle", wanted, (_json_record(record, "at", with_headers=False) for record in read))


def dead_letter_differences(expected: Iterable[DeadLetter], read: Iterable[ReadRecord]) -> list[str]:
    """By the place that the record came from. The first 64 KiB, marked as such, stand for a longer value."""
    letters = {f"{letter.record.topic}/{letter.record.partition}/{letter.record.offset}": letter for letter in expected}
    wanted = {place: _dead_letter_fields(letter) for place, letter in letters.items()}
    found = []
    for record in read:
        added = dict(record.headers)
        origin = "/".join(_text(added.get(ERROR_HEADER + name)) for name in ("topic", "partition", "offset"))
        letter = letters.get(origin)
        found.append((origin, _place(record), _read_dead_letter_fields(record, letter.record if letter else None)))
    return _compare("dead letter", wanted, found)


def misplaced(records: Iterable[ReadRecord], partitions: int) -> list[str]:
    """List the records with a key that lie elsewhere than Kafka's default partitioner puts that key."""
    found = []
    for record in records:
        right = default_partition(record.key, partitions) if record.key is not None else record.partition
        if record.partition != right:
            found.append(f"misplaced {record.key!r} at {_place(record)}: belongs in partition {right}")
    return found


def default_partition(key: bytes, partitions: int) -> int:
    """Kafka's default partitioner: murmur2 without its sign bit, modulo the number of partitions."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """Hash to 32 bits, unsigned, with the seed that Kafka's clients use."""
    multiplier, mask = 0x5BD1E995, 0xFFFFFFFF
    hashed = (0x9747B28C ^ len(data)) & mask
    whole = len(data) - len(data) % 4
    for start in range(0, whole, 4):
        block = int.from_bytes(data[start : start + 4], "little") * multiplier & mask
        block = (block ^ block >> 24) * multiplier & mask
        hashed = (hashed * multiplier & mask) ^ block
    if whole < len(data):
        hashed = (hashed ^ int.from_bytes(data[whole:], "little")) * multiplier & mask
    hashed = (hashed ^ hashed >> 13) * multiplier & mask
    return hashed ^ hashed >> 15


def _compare(kind: str, wanted: Mapping[str, Fields], found: Iterable[tuple[str, str, Fields]]) -> list[str]:
    places: dict[str, list[str]] = {}
    lines = []
    for identity, place, fields in found:
        places.setdefault(identity, []).append(place)
        if identity in wanted:
            lines += [f"altered {kind} {identity} at {place}: {line}" for line in _altered(wanted[identity], fields)]
        else:
            lines.append(f"unexpected {kind} {identity} at {place}: {_shown(str(fields))}")
    lines += [
        f"missing {kind} {identity}: {_shown(str(wanted[identity]))}" for identity in wanted.keys() - places.keys()
    ]
    repeated = {identity: where for identity, where in places.items() if len(where) > 1}
    lines += [f"repeated {kind} {identity} at {', '.join(where)}" for identity, where in repeated.items()]
    return sorted(lines)


def _altered(wanted: Fields, found: Fields) -> list[str]:
    if wanted == found:
        return []
    names = sorted(wanted.keys() | found.keys())
    pairs = [(name, wanted.get(name, "absent"), found.get(name, "absent")) for name in names]
    return [f"{name} is {_shown(is_)} instead of {_shown(should)}" for name, should, is_ in pairs if is_ != should]


def _output_fields(record: OutputRecord) -> Fields:
    return {"key": repr(record.key), **_flat("value", record.value), **_header_fields(record.headers)}


def _json_record(record: ReadRecord, name: str, *, with_headers: bool) -> tuple[str, str, Fields]:
    """Identity (the member `name`), place and content of a message or cycle that was read."""
    members = _members(record)
    fields = {"key": repr(record.key)}
    fields |= _flat("value", members) if members is not None else {"value": repr(record.value)}
    if with_headers:
        fields |= _header_fields(record.headers)
    return str((members or {}).get(name, f"without {name}")), _place(record), fields


def _dead_letter_fields(letter: DeadLetter) -> Fields:
    record = letter.record
    origin = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
    added = {"reason": letter.reason, **origin, "timestamp": record.timestamp_ms}
    return {
        **_unchanged_fields(record, record.headers),
        **{f"header {ERROR_HEADER}{name}": repr([str(text).encode()]) for name, text in added.items()},
        f"header {ERROR_HEADER}detail": "present",
    }


def _read_dead_letter_fields(record: ReadRecord, original: InputRecord | None) -> Fields:
    # The added headers follow those that the record came with, so that a reader who takes the last finds the newest.
    count = len(original.headers) if original else 0
    fields = _unchanged_fields(record, record.headers[:count]) | _header_fields(record.headers[count:])
    if fields.get(f"header {ERROR_HEADER}detail", "[b'']") not in ("[b'']", "[None]"):
        fields[f"header {ERROR_HEADER}detail"] = "present"
    if original is not None and _is_marked_head(record, original):
        fields["value"] = repr(original.value)
        del fields[f"header {ERROR_HEADER}truncated"], fields[f"header {ERROR_HEADER}length"]
    return fields


def _is_marked_head(record: ReadRecord, original: InputRecord) -> bool:
    added, value = dict(record.headers), original.value or b""
    marked = ERROR_HEADER + "truncated" in added and added.get(ERROR_HEADER + "length") == str(len(value)).encode()
    return marked and len(value) > TRUNCATED_BYTES and record.value == value[:TRUNCATED_BYTES]


def _unchanged_fields(record: ReadRecord, headers: Sequence[tuple[str, bytes | None]]) -> Fields:
    content = {"key": record.key, "value": record.value, "timestamp": record.timestamp_ms}
    return {name: repr(part) for name, part in content.items()} | {"original headers": repr(list(headers))}


def _header_fields(headers: Iterable[tuple[str, bytes | None]]) -> Fields:
    values: dict[str, list[bytes | None]] = {}
    for name, value in headers:
        values.setdefault(name, []).append(value)
    return {f"header {name}": repr(texts) for name, texts in values.items()}


def _members(record: ReadRecord) -> dict[str, object] | None:
    """Read the JSON object that a record holds; None where it holds none that every reader reads alike."""
    try:
        value = json.loads((record.value or b"").decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key occurs twice")
    return dict(pairs)


def _no_number(text: str) -> object:
    raise ValueError(f"{text} is no JSON")


def _flat(path: str, value: object) -> Fields:
    """Leaves by path, as JSON, so that 1, 1.0, "1" and true stay different."""
    if isinstance(value, dict) and value:
        return {name: text for key, part in value.items() for name, text in _flat(f"{path}.{key}", part).items()}
    return {path: json.dumps(value, ensure_ascii=False)}


def _place(record: ReadRecord) -> str:
    return f"{record.topic}/{record.partition}/{record.offset}"


def _text(value: bytes | None) -> str:
    return "?" if value is None else value.decode("utf-8", "backslashreplace")


def _shown(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"
