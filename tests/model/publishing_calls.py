"""The calls to Postgres and Kafka of the model of publishing, with everything that can go wrong in each."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.model.explore import Step
from tests.model.publishing_state import Postgres, Rules, State, Worker

Steps = Iterator[Step[State]]


@dataclass(frozen=True, slots=True)
class Calls:
    """``faults``: whether anything goes wrong. ``most_late``: how many copies of a commit are on their way at most."""

    rules: Rules
    faults: bool
    most_late: int

    def refused(self, worker: Worker) -> bool:
        return self.rules.fence and not worker.current

    def ask_epoch(self, state: State, which: int, worker: Worker, label: str, following: str) -> Steps:
        if worker.current:
            yield label, state.put(which, worker._replace(initialise=following))
        else:
            yield f"{label}, refused", state.drop(which)

    def commit(self, state: State, which: int, label: str, worker: Worker, after: Postgres) -> Steps:
        """Commit in Postgres; what was written becomes what the worker knows."""
        added = tuple(range(state.postgres.row.decided + 1, after.row.decided + 1))
        entries = tuple(entry for entry in worker.entries + added if entry > after.row.confirmed)
        yield label, state.put(which, worker._replace(row=after.row, entries=entries), postgres=after)
        if self.faults:
            yield f"{label}: answer lost", state.drop(which, postgres=after)
            yield f"{label}: not committed", state.drop(which)

    def confirm(self, state: State, which: int, worker: Worker, confirming: Worker, confirmed: Worker) -> Steps:
        """Confirm the marker: the worker comes to be ``confirming`` by the fence, and ``confirmed`` by the commit."""
        if worker == confirming:
            after = state.postgres.confirm(worker.marker).end_tick(self.rules)
            yield from self.commit(state, which, "publish 4", confirmed, after)
        elif self.refused(worker):
            yield "publish 4: refused", state.drop(which)
        elif not state.row_locked:
            yield "publish 4: fence", state.put(which, confirming)

    def deliver(self, state: State, which: int, label: str, record: int, delivered: Worker) -> Steps:
        """Send a batch. While a transaction is being committed, Kafka lets the next one wait."""
        if not delivered.producer:
            yield f"{label} refused", state.drop(which)
        elif state.kafka.phase != "committing":
            yield label, state.put(which, delivered, kafka=state.kafka.with_record(record))
            if self.faults:
                failed = state.drop(which) if self.rules.deliveries_checked else state.put(which, delivered)
                yield f"{label} not delivered", failed

    def end_transaction(self, state: State, which: int, label: str, committed: Worker) -> Steps:
        """Commit in Kafka. The client repeats what isn't answered in time: a copy may arrive whenever it likes."""
        kafka = state.kafka
        if not committed.producer:
            yield f"{label}: refused", state.drop(which)
        elif kafka.phase != "committing":
            yield label, state.put(which, committed, kafka=kafka.end())
            if self.faults:
                yield f"{label}: answer lost", state.drop(which, kafka=kafka.end())
                yield f"{label}: request lost", state.drop(which)
            if self.faults and kafka.late < self.most_late:
                late = kafka._replace(late=kafka.late + 1)
                yield f"{label}: late", state.drop(which, kafka=late)
                yield f"{label}: slow, a copy is late", state.put(which, self._after_slow(committed), kafka=late.end())

    def _after_slow(self, worker: Worker) -> Worker:
        if not self.rules.slow_commit_spends_producer:
            return worker
        return worker._replace(spent=True) if worker.initialise == "read" else worker._replace(initialise="none")


def halted(state: State, which: int, reason: str) -> State:
    """A shard is halted by its owner only: one whose epoch is over is refused."""
    if state.workers[which].current:
        return state._replace(fault=f"the shard is halted: {reason}")
    return state.drop(which)
