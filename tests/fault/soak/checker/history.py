"""The record of a run, as its own clients saw it: what was sent, seen, broken, sampled. It knows nothing of the engine.

Moments are seconds of ``time.monotonic()`` on one machine. A run appends to a file while it goes on (``Recorder``), so
that one that is cut off can be judged too; ``load`` reads it back.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import msgspec

from tests.oracle import DEFAULT_LIMITS, Limits, Thresholds

Outcome = Literal["ok", "failed", "unknown"]


@dataclass(frozen=True, slots=True)
class Run:
    """What the run was; once, at the beginning. ``topics``: names by role (activity, ticks, messages, cycles, …)."""

    seed: int
    command: str
    topics: dict[str, str]
    partitions: int
    thresholds: Thresholds
    limits: Limits = DEFAULT_LIMITS


@dataclass(frozen=True, slots=True)
class Operation:
    """One record that a client of the run tried to produce.

    ``outcome``: ok with partition and offset; failed when it is certain that Kafka does not have it; else unknown. Of
    an unknown one ``completed`` is when the client gave it up. Each value must be unique in its topic (an ``event_id``
    in the activity, say): that is how an unknown or failed operation is found again.
    """

    kind: Literal["activity", "tick"]
    invoked: float
    completed: float
    outcome: Outcome
    topic: str
    partition: int | None
    offset: int | None
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll of a live read_committed consumer brought from one partition: offsets and ``digest_of`` each.

    ``consumer`` names one life of one consumer: another name after every restart and seek. The first life of all
    begins at the beginning of its topics, and at the end of a run every partition is read to its end.
    """

    consumer: str
    at: float
    topic: str
    partition: int
    records: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class CycleSeen:
    """When a cycle record was first seen; ``at`` is that member of the record, which identifies the tick."""

    at: str
    seen: float


@dataclass(frozen=True, slots=True)
class Fault:
    """What was done to whom, from when until it was healed (never: None).

    ``loses_commits``: Postgres forgets asynchronous commits by it (it is killed or stopped at once).
    """

    kind: str
    target: str
    begun: float
    ended: float | None
    details: str = ""
    loses_commits: bool = False


@dataclass(frozen=True, slots=True)
class ShardState:
    """A shard's row."""

    shard: int
    epoch: int
    position: int
    tick_cursor: int
    decided: int
    confirmed: int


@dataclass(frozen=True, slots=True)
class UserState:
    """A user's row; times are microseconds since 1970."""

    user_id: str
    shard: int
    last_active: int
    last_messaged: int | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state at one moment between ``began`` and ``ended``.

    Asked one after the other: ``committed``, the group's offsets by partition of the activity topic; ``ends``, the ends
    of these partitions; then, in one repeatable-read transaction (``stored.snapshot_of``), the rows of all shards and
    of the same few hundred users each time. What can't be had (Kafka is away) is left empty.
    """

    began: float
    ended: float
    committed: dict[int, int]
    ends: dict[int, int]
    shards: tuple[ShardState, ...]
    users: tuple[UserState, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """Resident memory in bytes and open file descriptors of a worker."""

    worker: str
    at: float
    memory: int
    descriptors: int


@dataclass(frozen=True, slots=True)
class Exit:
    """How a worker ended: its exit code, those that are right for what was done to it, and what its log says.

    ``last_line``: the last whole line of the log; ``complaints``: the ``log_complaints`` of ``tests.campaigns.ending``.
    """

    worker: str
    code: int
    expected: tuple[int, ...]
    last_line: str
    complaints: tuple[str, ...]


Entry = Run | Operation | Poll | CycleSeen | Fault | Snapshot | Sample | Exit
_LISTS: dict[type[Entry], str] = {
    Operation: "operations",
    Poll: "polls",
    CycleSeen: "cycles",
    Fault: "faults",
    Snapshot: "snapshots",
    Sample: "samples",
    Exit: "exits",
}


@dataclass(slots=True)
class History:
    """All entries of a run, by kind, each in the order in which they were noted."""

    run: Run
    operations: list[Operation] = field(default_factory=list)
    polls: list[Poll] = field(default_factory=list)
    cycles: list[CycleSeen] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    exits: list[Exit] = field(default_factory=list)

    def note(self, entry: Entry) -> None:
        """Add one more entry; raises KeyError for a second run."""
        getattr(self, _LISTS[type(entry)]).append(entry)


class Recorder:
    """Appends entries to a file of JSON lines, each as it is noted; to be used as a context."""

    def __init__(self, path: Path, run: Run) -> None:
        self._file = path.open("wb")
        self._encoder = msgspec.json.Encoder()
        self.note(run)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def note(self, entry: Entry) -> None:
        """Append it."""
        self._file.write(self._encoder.encode((type(entry).__name__, entry)) + b"\n")


def save(path: Path, history: History) -> None:
    """Write a whole history."""
    with Recorder(path, history.run) as recorder:
        for name in _LISTS.values():
            for entry in getattr(history, name):
                recorder.note(entry)


def load_run(path: Path) -> Run:
    """Only the first line. Raises msgspec.DecodeError for anything but a run."""
    with path.open("rb") as file:
        return msgspec.json.decode(file.readline(), type=tuple[Literal["Run"], Run])[1]


def load(path: Path) -> History:
    """Read it back; a last line that was cut off is left out. Raises msgspec.DecodeError for anything else."""
    kinds = msgspec.json.Decoder(tuple[str, msgspec.Raw])
    decoders = {kind.__name__: msgspec.json.Decoder(kind) for kind in _LISTS}
    history = History(load_run(path))
    with path.open("rb") as file:
        file.readline()
        for line in file:
            if not line.endswith(b"\n"):
                break
            name, content = kinds.decode(line)
            history.note(decoders[name].decode(content))
    return history


def digest_of(key: bytes | None, value: bytes | None) -> str:
    """A short name of a record's content, for what a live consumer saw."""
    content = repr((key, value)).encode()
    return hashlib.blake2b(content, digest_size=8).hexdigest()
