"""What the run's clients sent, held against what lies in Kafka.

An operation with outcome ok must be at its offset; an unknown one may be there, once; a failed one must not be; and
nothing else may be there. Lost is what was acknowledged at or below the highest offset read and is not there; unseen
is what was acknowledged above it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf

from tests.fault.soak.checker.history import Operation
from tests.fault.soak.checker.judgement import Judgement, Kind
from tests.oracle import InputRecord

Content = tuple[bytes | None, bytes | None]


@dataclass(frozen=True, slots=True)
class Lying:
    """A record in Kafka: it was not there before ``invoked``, and was certainly there at ``acknowledged``."""

    record: InputRecord
    invoked: float
    acknowledged: float


def match(operations: Iterable[Operation], records: Sequence[InputRecord], judgement: Judgement) -> list[Lying]:
    """Find the operation of each record of one topic; the order of the records stays."""
    acknowledged: dict[tuple[int, int], Operation] = {}
    others: dict[Content, Operation] = {}
    for operation in operations:
        if operation.outcome != "ok":
            others[operation.key, operation.value] = operation
            continue
        assert operation.partition is not None
        assert operation.offset is not None
        place = (operation.partition, operation.offset)
        if place in acknowledged:
            judgement.note("input", "repeated", f"two sends were acknowledged at {_at(operation)}")
        acknowledged[place] = operation
    _miss(acknowledged, records, judgement)
    matched = _Matched(acknowledged, others, judgement)
    return [matched.take(record) for record in records]


class _Matched:
    def __init__(
        self, acknowledged: dict[tuple[int, int], Operation], others: dict[Content, Operation], judgement: Judgement
    ) -> None:
        self._acknowledged = acknowledged
        self._others = others
        self._judgement = judgement
        self._found: set[Content] = set()
        self._known: set[Content] | None = None

    def take(self, record: InputRecord) -> Lying:
        content = (record.key, record.value)
        operation = self._acknowledged.get((record.partition, record.offset))
        if operation is not None:
            if (operation.key, operation.value) != content:
                self._judgement.note("input", "wrong", f"{_place(record)} holds another value than was acknowledged")
            return Lying(record, operation.invoked, operation.completed)
        return Lying(record, self._without_offset(record, content), inf)

    def _without_offset(self, record: InputRecord, content: Content) -> float:
        operation = self._others.get(content)
        if operation is None:
            kind: Kind = "repeated" if content in self._contents() else "wrong"
            self._judgement.note("input", kind, f"{_place(record)} holds {record.value!r}, which was not sent there")
            return -inf
        if operation.outcome == "failed":
            self._judgement.note("input", "wrong", f"{_place(record)} holds {record.value!r}, although its send failed")
        if content in self._found:
            self._judgement.note("input", "repeated", f"{_place(record)} holds {record.value!r} once more")
        self._found.add(content)
        return operation.invoked

    def _contents(self) -> set[Content]:
        if self._known is None:
            self._known = {(operation.key, operation.value) for operation in self._acknowledged.values()}
        return self._known


def _miss(acknowledged: dict[tuple[int, int], Operation], records: Iterable[InputRecord], judgement: Judgement) -> None:
    highest: dict[int, int] = defaultdict(lambda: -1)
    there = set()
    for record in records:
        there.add((record.partition, record.offset))
        highest[record.partition] = max(highest[record.partition], record.offset)
    for place in sorted(acknowledged.keys() - there):
        partition, offset = place
        kind: Kind = "lost" if offset <= highest[partition] else "unseen"
        judgement.note("input", kind, f"{_at(acknowledged[place])} was acknowledged and is not there")


def _at(operation: Operation) -> str:
    return f"{operation.topic}/{operation.partition}/{operation.offset}"


def _place(record: InputRecord) -> str:
    return f"{record.topic}/{record.partition}/{record.offset}"
