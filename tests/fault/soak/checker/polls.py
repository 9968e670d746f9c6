"""What live read_committed consumers saw while the run went on, held against the committed log at the end.

Aborted (or precommitted) read: something that is not in the log, or not at that offset. Non-monotonic: one consumer
went back. Skipped: one consumer passed over records that are in the log. Unseen: in the log, and nobody saw it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from tests.fault.soak.checker.history import Poll, digest_of
from tests.fault.soak.checker.judgement import Judgement
from tests.oracle import InputRecord

Log = tuple[str, int]


def judge_polls(polls: Iterable[Poll], topics: Iterable[Sequence[InputRecord]], judgement: Judgement) -> None:
    """Only topics that some consumer followed are looked at."""
    by_topic: dict[str, list[Poll]] = defaultdict(list)
    for poll in polls:
        by_topic[poll.topic].append(poll)
    records = {lying[0].topic: lying for lying in topics if lying}
    for topic, followed in by_topic.items():
        _judge_topic(followed, records.get(topic, ()), judgement)


def _judge_topic(polls: Iterable[Poll], records: Iterable[InputRecord], judgement: Judgement) -> None:
    logs: dict[Log, dict[int, InputRecord]] = defaultdict(dict)
    for record in records:
        logs[record.topic, record.partition][record.offset] = record
    unseen = {log: set(lying) for log, lying in logs.items()}
    # Where each consumer's next record stands in the log, as a number of records before it.
    numbers = {log: {offset: number for number, offset in enumerate(sorted(lying))} for log, lying in logs.items()}
    following = _Following(numbers, judgement)
    for poll in polls:
        log = (poll.topic, poll.partition)
        for offset, digest in poll.records:
            judgement.checked["records seen live"] += 1
            if _is_there(logs[log], offset, digest):
                unseen[log].discard(offset)
            else:
                what = "another record is" if offset in logs[log] else "no record is"
                judgement.note("polls", "aborted read", f"{poll.consumer} saw {log}/{offset}, where {what} at the end")
            following.saw(poll.consumer, log, offset)
    for (topic, partition), offsets in unseen.items():
        for offset in sorted(offsets):
            judgement.note("polls", "unseen", f"nobody ever saw {topic}/{partition}/{offset}")


def _is_there(lying: Mapping[int, InputRecord], offset: int, digest: str) -> bool:
    record = lying.get(offset)
    return record is not None and digest_of(record.key, record.value) == digest


class _Following:
    def __init__(self, numbers: Mapping[Log, Mapping[int, int]], judgement: Judgement) -> None:
        self._numbers = numbers
        self._judgement = judgement
        self._last: dict[tuple[str, Log], int] = {}

    def saw(self, consumer: str, log: Log, offset: int) -> None:
        last = self._last.get((consumer, log))
        self._last[consumer, log] = offset
        if last is None:
            return
        if offset <= last:
            self._judgement.note("polls", "non-monotonic", f"{consumer} saw {log}/{offset} after {last}")
            return
        numbers = self._numbers.get(log, {})
        if last in numbers and offset in numbers and (between := numbers[offset] - numbers[last] - 1):
            self._judgement.note("polls", "skipped", f"{consumer} passed over {between} records of {log} after {last}")
