"""Runs that never happened, for the judge's own tests and to measure it: everything that a run leaves behind.

Activity goes on all the time. Each shard decides each tick on a prefix of its own choice among those that it may see.
"""

import json
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from tests.differences import default_partition
from tests.fault.soak.checker.evidence import Evidence, Standing
from tests.fault.soak.checker.history import (
    CycleSeen,
    History,
    Operation,
    Outcome,
    Poll,
    Run,
    ShardState,
    Snapshot,
    UserState,
    digest_of,
)
from tests.fault.soak.checker.rehearsed_engine import Engine, Shard, event_value, stale_row
from tests.oracle import HOUR, Event, InputRecord, Thresholds, Tick, Verdict, parse_time, written

THRESHOLDS = Thresholds(inactivity=HOUR, message_frequency=3 * HOUR, dormant=5 * HOUR, new_user=2 * HOUR)
TOPICS = {role: f"run-{role}" for role in ("activity", "ticks", "messages", "cycles", "dead-letters")}
START = parse_time("2026-11-22T10:00:00Z") or 0
_STEP_SECONDS = 0.01

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Size:
    """``before`` and ``meanwhile``: about so many records come before each tick, and before each shard decides it.

    ``trouble``: the share of sends that fail, are unknown, slow, or can't be used. ``oldest``: how long ago an event
    may have occurred, at most.
    """

    users: int = 12
    partitions: int = 3
    before: int = 6
    meanwhile: int = 2
    step: int = HOUR
    trouble: float = 0.3
    oldest: int = 6 * HOUR


@dataclass(frozen=True, slots=True)
class Asked:
    """A tick that was produced, and how much of each shard was acknowledged before that."""

    offset: int
    tick: Tick
    least: Sequence[int]


# Nothing comes while a tick is decided, and every send is acknowledged at once: only one state is possible.
BUSY, QUIET = Size(), Size(before=12, meanwhile=0, trouble=0)


class Rehearsal:
    """To be played round by round; ``evidence`` is what is left behind."""

    def __init__(self, seed: int, size: Size = BUSY) -> None:
        self.size = size
        self.history = History(Run(seed, "rehearsal", TOPICS, size.partitions, THRESHOLDS))
        self.engine = Engine(size.partitions, THRESHOLDS, TOPICS)
        self.at = START
        self.looked_at = {"u0", "u1", "u2"}
        self._random = random.Random(seed)
        self._now = 0.0
        self._sent = 0
        # Until when the records of each shard were unacknowledged, in their order; and what arrives later.
        self._acknowledged: dict[int, list[float]] = defaultdict(list)
        self._under_way: list[tuple[str, bytes]] = []
        self.names = list(map("u{}".format, range(size.users)))
        self.users = {name: default_partition(name.encode(), size.partitions) for name in self.names}

    def round(self, ticks: int = 1) -> None:
        """Activity, so many ticks at once, and their cycles; every shard evaluates the last tick at least."""
        self.activity(self.size.before)
        asked = [self.tick() for _ in range(ticks)]
        chosen = {shard.number: {ticks - 1, *self._some(range(ticks))} for shard in self.engine.shards}
        for number, one in enumerate(asked):
            verdicts: list[Verdict] = []
            evaluating = [shard for shard in self.engine.shards if number in chosen[shard.number]]
            for shard in self._some(evaluating, share=1):
                self.activity(self.size.meanwhile)
                verdicts += self.engine.evaluate(shard, one.tick, self._prefix(shard, one))
            self.engine.end_cycle(one.offset, one.tick, verdicts, len(evaluating))
        self.activity(self.size.meanwhile)
        for one in asked:
            self.see(one)

    def see(self, one: Asked) -> None:
        """A client sees the cycle; and somebody looks into the database."""
        self._now += _STEP_SECONDS
        self.history.note(CycleSeen(written(one.tick.at), self._now))
        shards = tuple(ShardState(n.number, 1, n.position, one.offset, 7, 7) for n in self.engine.shards)
        users = tuple(
            UserState(user_id, shard.number, account.last, account.messaged)
            for shard in self.engine.shards
            for user_id, account in sorted(shard.accounts.items())
            if user_id in self.looked_at
        )
        ends = {n.number: n.events[-1][0].offset + 1 for n in self.engine.shards if n.events}
        committed = {n.number: n.position for n in self.engine.shards}
        self.history.note(Snapshot(self._now, self._now, committed, ends, shards, users))

    def activity(self, number: int) -> None:
        """So many records, of whatever becomes of them; and those arrive that were under way."""
        for _ in range(number):
            user_id = self._random.choice(self.names)
            at = self.at - self._random.randrange(self.size.oldest) + HOUR // 2
            name = self._random.choice([None, None, "Ghost Gary", "Active Alice"])
            self._sent += 1
            value = event_value(user_id, min(at, self.at), name, self._sent)
            trouble = self._random.random() / self.size.trouble if self.size.trouble else 1.0
            if trouble < 0.1:
                value = b"{" + str(self._sent).encode()
            self._send(user_id, value, trouble)
        while self._under_way and self._random.random() < 0.5:
            self._arrive(*self._under_way.pop(), acknowledged=float("inf"))

    def send(self, user_id: str, at: int, seconds: float = 0.0) -> None:
        """A record that is there at once, and acknowledged after so many seconds."""
        self._sent += 1
        self._send(user_id, event_value(user_id, at, None, self._sent), 1.0, seconds)

    def tick(self, *, bad: bool = False, stale: bool = False) -> Asked:
        """Produce one; what is bad or stale doesn't count, and nothing comes of it."""
        self.at += 0 if stale or bad else self.size.step
        tick = Tick(written(self.at), self.at)
        value = (
            b"[" + str(self._sent).encode()
            if bad
            else json.dumps({"type": "engagement.tick", "at": tick.tick_id, "n": self._sent}).encode()
        )
        self._sent += 1
        invoked = self._now
        least = [self._least(shard.number) for shard in self.engine.shards]
        self._now += _STEP_SECONDS
        record = self.engine.lie("ticks", 0, self.at, None, value)
        self.history.note(Operation("tick", invoked, self._now, "ok", record.topic, 0, record.offset, None, value))
        if bad or stale:
            self.engine.ticks[record.offset] = stale_row(record.offset, None if bad else tick)
        if bad:
            self.engine.reject(record, "bad_json")
        return Asked(record.offset, tick, least)

    def evidence(self) -> Evidence:
        """All is taken in, and read to the end."""
        while self._under_way:
            self._arrive(*self._under_way.pop(), acknowledged=float("inf"))
        for shard in self.engine.shards:
            shard.take_in(len(shard.events))
        ends = {shard.number: shard.position for shard in self.engine.shards if shard.events}
        standing = Standing(self.engine.tables(len(self.engine.topics["ticks"])), dict(ends), ends, [])
        topics = {
            role: sorted(records, key=lambda record: (record.partition, record.offset))
            for role, records in self.engine.topics.items()
        }
        for records in topics.values():
            for (topic, partition), lying in groupby(records, key=lambda record: (record.topic, record.partition)):
                seen = tuple((record.offset, digest_of(record.key, record.value)) for record in lying)
                self.history.note(Poll("reader", 0.0, topic, partition, seen))
        return Evidence(self.history, topics, standing)

    def _send(self, user_id: str, value: bytes, trouble: float, seconds: float = 0.0) -> None:
        """Of a send in trouble the outcome may be unknown or failed, or the answer takes its time."""
        invoked, self._now = self._now + _STEP_SECONDS, self._now + 2 * _STEP_SECONDS
        key = user_id.encode()
        if 0.1 <= trouble < 0.4:
            outcome: Outcome = self._random.choice(["unknown", "failed"])
            self.history.note(
                Operation("activity", invoked, self._now, outcome, TOPICS["activity"], None, None, key, value)
            )
            if outcome == "unknown" and trouble < 0.3:
                self._under_way.append((user_id, value))
            return
        completed = self._now + (self._random.random() if 0.4 <= trouble < 1 else seconds)
        record = self._arrive(user_id, value, completed)
        self.history.note(
            Operation("activity", invoked, completed, "ok", record.topic, record.partition, record.offset, key, value)
        )

    def _arrive(self, user_id: str, value: bytes, acknowledged: float) -> InputRecord:
        partition = self.users[user_id]
        record = self.engine.lie("activity", partition, self.at, user_id.encode(), value)
        event: Event | None = None
        if value.endswith(b"}"):
            members = json.loads(value)
            event = Event(user_id, parse_time(members["occurred_at"]) or 0, members.get("name"))
        else:
            self.engine.reject(record, "bad_json")
        self.engine.shards[partition].events.append((record, event))
        self._acknowledged[partition].append(acknowledged)
        return record

    def _least(self, shard: int) -> int:
        moments = self._acknowledged[shard]
        return next((number for number in range(len(moments), 0, -1) if moments[number - 1] <= self._now), 0)

    def _prefix(self, shard: Shard, asked: Asked) -> int:
        return self._random.randint(max(asked.least[shard.number], shard.end), len(shard.events))

    def _some(self, things: Sequence[Thing], share: float | None = None) -> list[Thing]:
        number = self._random.randint(0, len(things)) if share is None else round(share * len(things))
        return self._random.sample(list(things), number)


def rehearsed(seed: int, size: Size = BUSY, rounds: int = 5) -> Rehearsal:
    """Some rounds of one tick each."""
    rehearsal = Rehearsal(seed, size)
    for _ in range(rounds):
        rehearsal.round()
    return rehearsal
