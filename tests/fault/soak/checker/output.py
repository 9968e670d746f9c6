"""What the engine published, sorted: each record once, messages by tick and user, cycles by tick."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.differences import dead_letter_differences, misplaced
from tests.fault.soak.checker.judgement import Judgement, Kind
from tests.fault.soak.checker.verdicts import Message
from tests.oracle import DeadLetter, InputRecord, parse_time, written

_KINDS: dict[str, Kind] = {"missing": "lost", "repeated": "repeated"}


@dataclass(frozen=True, slots=True)
class Cycle:
    """``value`` is empty where the record holds no JSON object."""

    record: InputRecord
    value: dict[str, Any]


def sort_messages(
    records: Sequence[InputRecord], frequency: int, partitions: int, judgement: Judgement
) -> dict[str, dict[str, Message]]:
    """By ``decided_at`` and user; notes what is repeated, out of order, misplaced or within the frequency."""
    by_tick: dict[str, dict[str, Message]] = defaultdict(dict)
    last: dict[str, tuple[str, InputRecord]] = {}
    ids: Counter[str] = Counter()
    for record in records:
        message = Message(record)
        value = message.value
        at, user_id = value.get("decided_at", ""), value.get("user_id", "")
        judgement.checked["messages"] += 1
        if user_id in by_tick[at]:
            judgement.note("I2", "repeated", f"message to {user_id} of {at} at {place(record)}")
            continue
        by_tick[at][user_id] = message
        ids[value.get("message_id", "")] += 1
        before = last.get(user_id)
        if before is not None and before[1].partition == record.partition and at < before[0]:
            judgement.note("I3", "wrong", f"message to {user_id} of {at} at {place(record)} lies after {before[0]}")
        last[user_id] = (at, record)
    for message_id, number in ids.items():
        if number > 1:
            judgement.note("I2", "repeated", f"message id {message_id} is there {number} times")
    _judge_frequency(by_tick, frequency, judgement)
    for line in misplaced({(record.key, record.partition): record for record in records}.values(), partitions):
        judgement.note("I3", "wrong", line)
    return by_tick


def sort_cycles(records: Iterable[InputRecord], judgement: Judgement) -> dict[str, Cycle]:
    """By ``at``; notes what is repeated."""
    cycles: dict[str, Cycle] = {}
    for record in records:
        judgement.checked["cycles"] += 1
        try:
            value = json.loads(record.value or b"")
        except ValueError:
            value = {}
        cycle = Cycle(record, value if isinstance(value, dict) else {})
        at = str(cycle.value.get("at"))
        if at in cycles:
            judgement.note("I2", "repeated", f"cycle of {at} at {place(record)}")
        cycles.setdefault(at, cycle)
    return cycles


def judge_dead_letters(
    letters: Iterable[DeadLetter], records: Sequence[InputRecord], partitions: int, judgement: Judgement
) -> None:
    """Each once, unchanged, for the right reason, where its key belongs."""
    judgement.checked["dead letters"] += len(records)
    for line in (*dead_letter_differences(letters, records), *misplaced(records, partitions)):
        judgement.note("I2", _KINDS.get(line.split()[0], "wrong"), line)


def _judge_frequency(by_tick: dict[str, dict[str, Message]], frequency: int, judgement: Judgement) -> None:
    last: dict[str, int] = {}
    for at, messages in sorted(by_tick.items()):
        moment = parse_time(at)
        if moment is None:
            continue  # no tick has this time, which is noted for each of the messages
        for user_id in messages:
            before = last.get(user_id)
            if before is not None and moment - before < frequency:
                judgement.note("I4", "repeated", f"{user_id} has messages of {written(before)} and {at}")
            last[user_id] = moment


def place(record: InputRecord) -> str:
    return f"{record.topic}/{record.partition}/{record.offset}"
