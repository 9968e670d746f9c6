"""The judgement on a deployment whose users move: each message and each cycle is one that may be, given what moved."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from tests.differences import ReadRecord, cycle_differences, message_differences
from tests.oracle import (
    DEFAULT_LIMITS,
    SKIP_REASONS,
    TONES,
    Event,
    Thresholds,
    Verdict,
    cycle,
    evaluate_all,
    message,
    parse_time,
    user_of,
    written,
)
from tests.oracle_moves import AskedTick, Possible, Sent, possible


@dataclass
class Judged:
    """``moving``: users with a move under way, by tick; ``exact``: ticks whose figures left no choice."""

    differences: list[str] = field(default_factory=list)
    moving: list[int] = field(default_factory=list)
    exact: list[bool] = field(default_factory=list)
    messages: list[int] = field(default_factory=list)


def judge_moves(
    users: Mapping[str, Sequence[Sent]],
    ticks: Sequence[AskedTick],
    messages: Iterable[ReadRecord],
    cycles: Iterable[ReadRecord],
    thresholds: Thresholds,
) -> Judged:
    """``users``: all that was produced of each, in that order. ``ticks``: those that are usable, in their order."""
    judged = Judged()
    messages = list(messages)
    read = _by_time_and_user(messages)
    judged.differences += too_soon(of_messages(messages), thresholds.message_frequency)
    cycles_by_time = _by_time(cycles)
    last_messaged: dict[str, int] = {}
    for asked in ticks:
        at = written(asked.tick.at)
        found = {user_id: read.pop((at, user_id), []) for user_id in users}
        chances = {
            user_id: possible(records, asked, last_messaged.get(user_id), thresholds)
            for user_id, records in users.items()
        }
        for user_id, chance in chances.items():
            judged.differences += _message_differences(f"{at}/{user_id}", chance, found[user_id])
        judged.differences += _cycle_differences(asked, chances, found, cycles_by_time.pop(at, []), judged)
        last_messaged |= {user_id: asked.tick.at for user_id, records in found.items() if records}
        judged.moving.append(sum(chance.moving for chance in chances.values()))
        judged.messages.append(sum(map(len, found.values())))
    judged.differences += [f"unexpected message {at}/{user_id}" for at, user_id in sorted(read)]
    judged.differences += [f"unexpected cycle {at}" for at in sorted(cycles_by_time)]
    return judged


def of_messages(messages: Iterable[ReadRecord]) -> list[tuple[str, str]]:
    """Time and user of each message."""
    return [(value["decided_at"], value["user_id"]) for value in map(_value, messages)]


def too_soon(read: Iterable[tuple[str, str]], message_frequency: int) -> list[str]:
    """Two messages to one user within the frequency; see ``of_messages``."""
    times: dict[str, list[int]] = {}
    for at, user_id in read:
        times.setdefault(user_id, []).append(_time(at))
    return [
        f"user {user_id} got messages at {written(earlier)} and {written(later)}"
        for user_id, moments in times.items()
        for earlier, later in pairwise(sorted(moments))
        if later - earlier < message_frequency
    ]


def _message_differences(name: str, chance: Possible, read: Sequence[ReadRecord]) -> list[str]:
    if len(read) > 1:
        return [f"repeated message {name}: {len(read)} times"]
    if not read:
        return [f"missing message {name}"] if chance.must_be_messaged else []
    if not chance.messages:
        return [f"unexpected message {name}: {read[0].value!r}; possible are {sorted(map(str, chance.verdicts))}"]
    found = [message_differences([candidate], read) for candidate in chance.messages]
    return min(found, key=len)


def _cycle_differences(
    asked: AskedTick,
    chances: Mapping[str, Possible],
    found: Mapping[str, Sequence[ReadRecord]],
    read: Sequence[ReadRecord],
    judged: Judged,
) -> list[str]:
    """The record against one with as many skipped users as it says itself, so far as they may be."""
    at = written(asked.tick.at)
    if len(read) != 1:
        return [f"there are {len(read)} cycles {at}"]
    skips = [chance.skips(bool(found[user_id])) for user_id, chance in chances.items()]
    said = _said_skips(read[0])
    verdicts, open_counts = [], 0
    for reason in SKIP_REASONS:
        least = sum(low for low, _, reasons in skips if reasons == {reason})
        most = sum(high for _, high, reasons in skips if reason in reasons)
        open_counts += most - least
        verdicts += [Verdict(reason)] * min(max(said[reason], least), most)
    segments = Counter(str(_value(record)["segment"]) for records in found.values() for record in records)
    for segment, users in segments.items():
        verdicts += [Verdict("eligible", segment, TONES.get(segment))] * users
    judged.exact.append(open_counts == 0)
    wanted = cycle(asked.tick, verdicts, asked.mark.shards)
    low, high = sum(skip[0] for skip in skips), sum(skip[1] for skip in skips)
    differences = cycle_differences([wanted], read)
    if not low <= sum(said.values()) <= high:
        differences.append(f"cycle {at} skipped {sum(said.values())} users; {low} to {high} are possible")
    return differences


def _said_skips(record: ReadRecord) -> dict[str, int]:
    reasons = _value(record)["detailed_stats"]["skip_reasons"]
    return {reason: int(reasons[reason]) for reason in SKIP_REASONS}


def _by_time_and_user(messages: Iterable[ReadRecord]) -> dict[tuple[str, str], list[ReadRecord]]:
    found: dict[tuple[str, str], list[ReadRecord]] = {}
    for record in messages:
        value = _value(record)
        found.setdefault((value["decided_at"], value["user_id"]), []).append(record)
    return found


def _by_time(cycles: Iterable[ReadRecord]) -> dict[str, list[ReadRecord]]:
    found: dict[str, list[ReadRecord]] = {}
    for record in cycles:
        found.setdefault(_value(record)["at"], []).append(record)
    return found


def _value(record: ReadRecord) -> Any:
    return json.loads(record.value or b"{}")


def _time(at: str) -> int:
    moment = parse_time(at)
    assert moment is not None, f"no time: {at}"
    return moment


def exact_differences(
    events: Mapping[str, Sequence[Event]],
    asked: AskedTick,
    messages: Iterable[ReadRecord],
    cycles: Iterable[ReadRecord],
    thresholds: Thresholds,
) -> list[str]:
    """One tick against the plain rules, given the messages before it: no user moves, and all ``events`` are known."""
    at = asked.tick.at
    times: dict[str, list[int]] = {}
    of_tick = []
    for record in messages:
        value = _value(record)
        times.setdefault(value["user_id"], []).append(_time(value["decided_at"]))
        of_tick += [record] if value["decided_at"] == written(at) else []
    users = {
        user_id: user_of(known, max((time for time in times.get(user_id, []) if time < at), default=None))
        for user_id, known in events.items()
        if known
    }
    verdicts = evaluate_all(users.values(), at, thresholds)
    wanted = [
        message(users[user_id], verdict, asked.tick, DEFAULT_LIMITS)
        for user_id, verdict in verdicts.items()
        if verdict.reason == "eligible"
    ]
    wanted_cycle = cycle(asked.tick, verdicts.values(), asked.mark.shards)
    read_cycles = _by_time(cycles).get(written(at), [])
    return message_differences(wanted, of_tick) + cycle_differences([wanted_cycle], read_cycles)
