"""What the model of publishing remembers: Postgres, Kafka and two workers, for one shard and one tick.

Epochs are not numbers here: of each ownership it is only told whether it is still the stored one, and of each producer
whether Kafka still accepts it. So any number of take-overs and crashes fits into finitely many states.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

PROBE = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """The protocol as it is; each rule can be left out."""

    fence: bool = True
    marker_read: Literal["after start", "before start", "once", "never"] = "after start"
    epoch_asked_after_start: bool = True
    deliveries_checked: bool = True
    slow_commit_spends_producer: bool = True
    done_waits_for_confirmation: bool = True
    outbox_read_after_bump: bool = True


PROTOCOL = Rules()


class Row(NamedTuple):
    """The shard's row. ``chunks`` of the tick's are decided; ``last`` is its last sequence once that is noted."""

    decided: int = 0
    confirmed: int = 0
    cursor: int = 0
    begun: bool = False
    chunks: int = 0
    figures: int = 0
    last: int | None = None


class Postgres(NamedTuple):
    """``done``: how often the shard is counted done in the tick; ``counted``: the sum of its figures there."""

    row: Row = Row()
    outbox: tuple[int, ...] = ()
    done: int = 0
    counted: int = 0

    def add_entry(self) -> "Postgres":
        sequence = self.row.decided + 1
        return self._replace(row=self.row._replace(decided=sequence), outbox=(*self.outbox, sequence))

    def confirm(self, sequence: int) -> "Postgres":
        row = self.row._replace(confirmed=max(sequence, self.row.confirmed))
        return self._replace(row=row, outbox=tuple(entry for entry in self.outbox if entry > sequence))

    def end_tick(self, rules: Rules) -> "Postgres":
        """Count the tick done if all of it is published; its cycle, of one shard, ends, and its record goes out."""
        row = self.row
        if not row.begun or row.last is None or (rules.done_waits_for_confirmation and row.last > row.confirmed):
            return self
        ended = row._replace(begun=False, last=None)
        return self._replace(row=ended, done=self.done + 1, counted=self.counted + row.figures).add_entry()


class Kafka(NamedTuple):
    """``holds`` is what the transaction holds: s for the messages of sequence s, -s for its marker, or the probe.

    ``messages`` tells how often those of each sequence are committed, ``late`` how many copies of the current
    producer's last commit are still on their way. Those of a former producer count for nothing.
    """

    messages: tuple[int, ...]
    phase: Literal["none", "open", "committing"] = "none"
    holds: tuple[int, ...] = ()
    marker: int = 0
    late: int = 0

    def with_record(self, record: int) -> "Kafka":
        """Also begins a transaction where none is open: Kafka learns of it by its first partition."""
        return self._replace(phase="open", holds=tuple(sorted((*self.holds, record))))

    def end(self) -> "Kafka":
        """A commit arrives. One that finds no open transaction is taken for a repetition."""
        return self._replace(phase="committing") if self.phase == "open" else self

    def abort(self) -> "Kafka":
        return self._replace(phase="none", holds=(), late=0)

    def complete(self) -> "Kafka":
        """Readers of committed records see the transaction from here on."""
        messages = list(self.messages)
        for record in self.holds:
            if record > PROBE:
                messages[record - 1] += 1
        marker = max((-record for record in self.holds if record < PROBE), default=self.marker)
        return self._replace(phase="none", holds=(), messages=tuple(messages), marker=marker)

    @property
    def held(self) -> list[int]:
        """How often the messages of each sequence are committed, or being committed."""
        committing = self.holds if self.phase == "committing" else ()
        return [count + (sequence in committing) for sequence, count in enumerate(self.messages, 1)]

    @property
    def torn(self) -> bool:
        """Whether a transaction is being committed with messages and no marker, or with a marker and no messages."""
        return self.phase == "committing" and any(-record not in self.holds for record in self.holds)


class Worker(NamedTuple):
    """One worker's memory: where its three tasks are, and what it believes.

    ``main`` takes the shard over and decides chunks, ``publish`` publishes, ``initialise`` readies the producer for
    both. ``current``: its epoch is the stored one. ``producer``: it has the producer that Kafka accepts. ``seen``: the
    last marker before its probe, ``entries`` what it knows to be unpublished.
    """

    main: str = "off"
    publish: str = "idle"
    initialise: str = "none"
    current: bool = False
    producer: bool = False
    spent: bool = False
    row: Row = Row()
    entries: tuple[int, ...] = ()
    marker: int = -1
    seen: int = 0

    @property
    def in_transaction_of_kafka(self) -> bool:
        return self.publish in {"open", "messages sent", "marker sent", "sent"}

    @property
    def locks_row(self) -> bool:
        return self.main in {"deciding", "decided"} or "confirming" in {self.publish, self.initialise}

    @property
    def wants_chunk(self) -> bool:
        return self.main == "work" and (not self.row.cursor or (self.row.begun and self.row.last is None))

    @property
    def ready(self) -> bool:
        return self.initialise == "ready" or self.in_transaction_of_kafka

    @property
    def wants_producer(self) -> bool:
        """Before a chunk and before an entry; inside a transaction, the producer is ready all the same."""
        publishes = (
            self.main in {"left over", "work", "deciding", "decided"} and self.publish == "idle" and self.entries
        )
        return bool(self.wants_chunk or publishes) and not self.ready


class State(NamedTuple):
    """Everything. ``fault`` says what went wrong in a step, where the state itself doesn't show it."""

    postgres: Postgres
    kafka: Kafka
    workers: tuple[Worker, ...]
    fault: str = ""

    def put(
        self, which: int, worker: Worker, *, postgres: Postgres | None = None, kafka: Kafka | None = None
    ) -> "State":
        """The state after a step of one worker."""
        workers = (*self.workers[:which], worker, *self.workers[which + 1 :])
        return State(postgres or self.postgres, kafka or self.kafka, workers, self.fault)

    def drop(self, which: int, *, postgres: Postgres | None = None, kafka: Kafka | None = None) -> "State":
        """The state after the end of one worker's ownership."""
        return self.put(which, Worker(), postgres=postgres, kafka=kafka)

    @property
    def row_locked(self) -> bool:
        return any(worker.locks_row for worker in self.workers)


def broken_promise(state: State, messages: int) -> str | None:
    """What is wrong in Kafka and Postgres; the tick has so many entries of messages."""
    held = state.kafka.held
    return _broken_in_kafka(state.kafka, held) or _broken_in_postgres(state.postgres, held, messages)


def _broken_in_kafka(kafka: Kafka, held: list[int]) -> str | None:
    if kafka.torn:
        return "messages are committed without their marker, or a marker without its messages"
    if max(held) > 1:
        return f"sequence {held.index(max(held)) + 1} is published twice"
    return None


def _broken_in_postgres(postgres: Postgres, held: list[int], messages: int) -> str | None:
    if 0 in held[: postgres.row.confirmed]:
        return f"sequence {held.index(0) + 1} is confirmed, and Kafka does not hold it"
    if postgres.done > 1:
        return "the shard is counted done twice"
    if postgres.done and 0 in held[:messages]:
        return "the shard is counted done before all its messages are published"
    if postgres.done and postgres.counted != messages:
        return "the shard is counted done with figures that are not the tick's"
    return None
