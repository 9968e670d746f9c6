"""An engine of a few lines, without I/O or faults, that obeys the rules; it can be told to break them."""

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from tests.differences import default_partition
from tests.fault.soak.checker.stored import MessageRow, ShardRow, Tables, TickRow, UserRow
from tests.oracle import (
    DEFAULT_LIMITS,
    Event,
    InputRecord,
    OutputRecord,
    Thresholds,
    Tick,
    User,
    Verdict,
    cycle,
    evaluate,
    message,
    parse_time,
    written,
)


@dataclass(slots=True)
class Account:
    """What is stored of one user. It is kept up event by event, unlike in the oracle and in the judge."""

    first: int
    last: int
    registered: int | None = None
    named: tuple[int, str] | None = None
    messaged: int | None = None

    def take(self, event: Event) -> None:
        self.first, self.last = min(self.first, event.occurred_at), max(self.last, event.occurred_at)
        if event.name is not None:
            registered = (event.occurred_at, event.name)
            self.registered = min(self.registered or event.occurred_at, event.occurred_at)
            self.named = max(self.named or registered, registered)

    def as_user(self, user_id: str) -> User:
        name = "there" if self.named is None else self.named[1]
        return User(user_id, name, self.registered or self.first, self.last, self.messaged)


@dataclass(slots=True)
class Shard:
    """``events``: all that lies in the partition, None for what can't be used; ``end``: how many are taken in."""

    number: int
    events: list[tuple[InputRecord, Event | None]] = field(default_factory=list)
    end: int = 0
    accounts: dict[str, Account] = field(default_factory=dict)

    @property
    def position(self) -> int:
        return self.events[self.end - 1][0].offset + 1 if self.end else 0

    def take_in(self, end: int) -> None:
        for _record, event in self.events[self.end : end]:
            if event is not None:
                at = event.occurred_at
                self.accounts.setdefault(event.user_id, Account(at, at)).take(event)
        self.end = max(self.end, end)

    def outcome(self, account: Account) -> str:
        return "active" if account.messaged is None else "recently_messaged"


class Engine:
    """What it publishes lies in ``topics``, by role."""

    def __init__(self, partitions: int, thresholds: Thresholds, names: dict[str, str]) -> None:
        self.shards = [Shard(number) for number in range(partitions)]
        self.topics: dict[str, list[InputRecord]] = {role: [] for role in names}
        self.ticks: dict[int, TickRow] = {}
        self._thresholds = thresholds
        self._names = names
        self._offsets: Counter[tuple[str, int]] = Counter()

    def lie(
        self,
        role: str,
        partition: int,
        at: int,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes | None]] = (),
    ) -> InputRecord:
        """Append a record to a topic; one of four is followed by the end of a transaction, which takes an offset."""
        offset = self._offsets[role, partition]
        self._offsets[role, partition] += 1 + (role == "messages" and offset % 4 == 0)
        record = InputRecord(self._names[role], partition, offset, at // 1000, key, value, tuple(headers))
        self.topics[role].append(record)
        return record

    def evaluate(
        self,
        shard: Shard,
        tick: Tick,
        end: int,
        *,
        withhold: Collection[str] = (),
        force: Collection[str] = (),
    ) -> list[Verdict]:
        """Decide on so many records. Who is to be withheld has no message, and who is forced has one, as if dormant."""
        shard.take_in(end)
        verdicts = []
        for user_id, account in shard.accounts.items():
            user = account.as_user(user_id)
            verdict = evaluate(user, tick.at, self._thresholds)
            if user_id in force:
                verdict = Verdict("eligible", "dormant", "playful")
            verdicts.append(verdict)
            if verdict.reason == "eligible" and user_id not in withhold:
                account.messaged = tick.at
                self._publish("messages", message(user, verdict, tick, DEFAULT_LIMITS), tick.at)
        return verdicts

    def end_cycle(self, offset: int, tick: Tick, verdicts: Sequence[Verdict], evaluated: int) -> None:
        coalesced = len(self.shards) - evaluated
        self._publish("cycles", cycle(tick, verdicts, evaluated, coalesced), tick.at)
        reasons = Counter(verdict.segment or verdict.reason for verdict in verdicts)
        figures = {n: reasons[n] for n in ("active", "recently_messaged", "dormant", "new_user", "normal")}
        self.ticks[offset] = TickRow(
            offset, "usable", tick.tick_id, tick.at, len(self.shards), evaluated, coalesced, **figures, ended_at=tick.at
        )

    def reject(self, record: InputRecord, reason: str) -> None:
        facts = {
            "reason": reason, "detail": "…", "topic": record.topic, "partition": record.partition,
            "offset": record.offset, "timestamp": record.timestamp_ms,
        }  # fmt: skip
        added = [(f"engagement.error.{name}", str(fact).encode()) for name, fact in facts.items()]
        partition = default_partition(record.key or b"", len(self.shards))
        self.lie(
            "dead-letters", partition, record.timestamp_ms * 1000, record.key, record.value, [*record.headers, *added]
        )

    def tables(self, tick_next: int) -> Tables:
        """As they are when all is taken in."""
        users = [
            UserRow(
                user_id, shard.number, shard.outcome(account), account.first, account.last, account.registered,
                account.messaged, None if account.named is None else account.named[1],
            )
            for shard in self.shards for user_id, account in shard.accounts.items()
        ]  # fmt: skip
        counts = Counter((row.shard, row.outcome) for row in users)
        shards = [
            ShardRow(
                n.number,
                n.position,
                7,
                7,
                counts[n.number, "active"],
                counts[n.number, "recently_messaged"],
                None,
                None,
            )
            for n in self.shards
        ]
        return Tables(users, shards, [], list(self.ticks.values()), self._log(), 0, tick_next)

    def _log(self) -> list[MessageRow]:
        values = [json.loads(record.value or b"") for record in self.topics["messages"]]
        names = ("message_id", "user_id", "content", "segment", "tone", "tick_id")
        return [
            MessageRow(
                **{name: value[name] for name in names}, decided_at=parse_time(value["decided_at"]) or 0, status="sent"
            )
            for value in values
        ]

    def _publish(self, role: str, record: OutputRecord, at: int) -> None:
        partition = default_partition(record.key, len(self.shards)) if role == "messages" else 0
        self.lie(role, partition, at, record.key, json.dumps(record.value).encode(), record.headers)


def stale_row(offset: int, tick: Tick | None) -> TickRow:
    """The row of a tick that doesn't count."""
    verdict, tick_id, at = ("unusable", None, None) if tick is None else ("stale", tick.tick_id, tick.at)
    return TickRow(offset, verdict, tick_id, at, 0, 0, 0, 0, 0, 0, 0, 0, None)


def event_value(user_id: str, at: int, name: str | None, number: int) -> bytes:
    """An activity record's value; the number makes it unique."""
    members = {"type": "user.active", "user_id": user_id, "occurred_at": written(at), "event_id": str(number)}
    if name is not None:
        members |= {"type": "user.registered", "name": name}
    return json.dumps(members).encode()
