"""All that a run is judged by, and the folder in which it is kept: history, raw topics, tables, offsets."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from tests.fault.soak.checker.history import History, load
from tests.fault.soak.checker.stored import Tables
from tests.oracle import InputRecord

HISTORY, STANDING = "history.jsonl", "standing.json"
ROLES = ("activity", "ticks", "messages", "cycles", "dead-letters")
_MOST_SHARED = 1_000


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand when all workers have stopped.

    ``committed``: the group's offsets, ``ends``: the last stable offsets, both by partition of the activity topic;
    ``hanging``: what is still open although Kafka has had the time to end it.
    """

    tables: Tables
    committed: dict[int, int]
    ends: dict[int, int]
    hanging: list[str]


@dataclass(frozen=True, slots=True)
class Evidence:
    """``topics``: what read_committed readers see of each role at the end, by partition and offset."""

    history: History
    topics: dict[str, list[InputRecord]]
    standing: Standing


def keep_topic(folder: Path, role: str, records: Iterable[InputRecord]) -> None:
    """Write a raw topic into the folder."""
    encoder = msgspec.json.Encoder()
    with _topic_file(folder, role).open("wb") as file:
        for record in records:
            file.write(encoder.encode(record) + b"\n")


def keep_standing(folder: Path, standing: Standing) -> None:
    """Write how things stood into the folder."""
    (folder / STANDING).write_bytes(msgspec.json.encode(standing))


def read_evidence(folder: Path) -> Evidence:
    """Read it all back. Raises OSError for a file that is not there, msgspec.DecodeError for one that is none."""
    return Evidence(
        load(folder / HISTORY),
        {role: list(_read_topic(folder, role)) for role in ROLES},
        msgspec.json.decode((folder / STANDING).read_bytes(), type=Standing),
    )


def _read_topic(folder: Path, role: str) -> Iterator[InputRecord]:
    decoder = msgspec.json.Decoder(InputRecord)
    # Most headers are the same in every message: kept once, they make half a million messages smaller by a third.
    shared: dict[tuple[str, bytes | None], tuple[str, bytes | None]] = {}
    with _topic_file(folder, role).open("rb") as file:
        for record in map(decoder.decode, file):
            if len(shared) < _MOST_SHARED:
                shared |= {header: header for header in record.headers if header not in shared}
            yield replace(record, headers=tuple(shared.get(header, header) for header in record.headers))


def _topic_file(folder: Path, role: str) -> Path:
    return folder / f"{role}.jsonl"
