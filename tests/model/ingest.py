"""Taking activity in, and what a tick sees of it: one shard, two workers that may both believe that they own it.

Batches are committed asynchronously where they have no dead letter, and Postgres may crash: it keeps a beginning of its
log, with everything up to the last synchronous commit. A worker that is in no transaction then doesn't notice, since
its pool connects again. Records are acknowledged, and a tick is produced, at any moment.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from tests.model.explore import LeftAlone, Step

NAMES = "AB"
LONGEST_BATCH = 2
BATCHES_WAITING = 2
CHUNKS = 2


@dataclass(frozen=True, slots=True)
class Rules:
    """The protocol as it is; each rule can be left out.

    ``position_compared``: by which transactions' fences.
    """

    fence: bool = True
    position_compared: Literal["all", "batches", "none"] = "all"
    barrier_after_choice: bool = True
    activity_waits_for_last_chunk: bool = True


class Row(NamedTuple):
    """Postgres: the shard's position, how often each record was taken into the state, and what each chunk saw of them.

    The tick has two chunks.
    """

    position: int
    taken: tuple[int, ...]
    seen: tuple[tuple[int, ...], ...] = ()

    def take_in(self, start: int, stop: int) -> "Row":
        taken = tuple(times + (start <= offset < stop) for offset, times in enumerate(self.taken))
        return self._replace(position=stop, taken=taken)


class Worker(NamedTuple):
    """One worker's memory. ``fetched`` is the client's position, ``batches`` (start, stop) wait to be written.

    ``position`` is that of the row as last committed or read; ``barrier`` belongs to the tick that was chosen.
    """

    main: str = "off"
    current: bool = False
    fetched: int = 0
    batches: tuple[tuple[int, int], ...] = ()
    position: int = 0
    chunks: int = 0
    asked: int = -1
    barrier: int = -1

    @property
    def locks_row(self) -> bool:
        return self.main in {"batch", "written", "chunk", "judging"}


class State(NamedTuple):
    """``row`` is what transactions see, ``durable`` what survives a crash of Postgres now.

    ``acknowledged`` records are in Kafka; ``tick`` is how many were when the tick was produced, -1 before.
    """

    row: Row
    durable: Row
    acknowledged: int
    tick: int
    workers: tuple[Worker, ...]

    def put(self, which: int, worker: Worker, row: Row | None = None, *, durable: bool = False) -> "State":
        workers = (*self.workers[:which], worker, *self.workers[which + 1 :])
        after = self._replace(workers=workers, row=row or self.row)
        return after._replace(durable=after.row) if durable else after

    @property
    def row_locked(self) -> bool:
        return any(worker.locks_row for worker in self.workers)


Steps = Iterator[Step[State]]


class Ingest:
    """The model. ``records`` are in the activity log in the end. Without ``faults``, all of them and the tick are."""

    def __init__(
        self,
        rules: Rules = Rules(),
        *,
        records: int = 3,
        workers: int = 2,
        faults: bool = True,
        progress_matters: bool = True,
    ) -> None:
        self._rules = rules
        self._records = records
        self._workers = workers
        self._faults = faults
        self._progress_matters = progress_matters
        if faults:
            alone = Ingest(rules, records=records, workers=1, faults=False)
            self._alone = LeftAlone(alone, alone._unfinished)

    def initial(self) -> State:
        row = Row(0, (0,) * self._records)
        return State(row, row, 0, -1, (Worker(),) * self._workers)

    def key(self, state: State) -> object:
        """Workers differ by name only."""
        return state._replace(workers=tuple(sorted(state.workers)))

    def violation(self, state: State) -> str | None:
        row = state.row
        if 0 in row.taken[: row.position]:
            return f"record {row.taken.index(0)} is below the position {row.position}, and not in the state"
        if max(row.taken) > 1:
            return f"record {row.taken.index(max(row.taken))} is taken in twice"
        if row.seen and 0 in row.seen[0][: state.tick]:
            return f"the tick does not see record {row.seen[0].index(0)}, acknowledged before it was produced"
        if len(set(row.seen)) > 1:
            return "the chunks of the tick see different states"
        return self._fails_alone(state) if self._progress_matters else None

    def _fails_alone(self, state: State) -> str | None:
        """A worker must take in everything and evaluate the tick when the others die and no more faults come."""
        complete = state._replace(acknowledged=self._records, tick=self._records if state.tick < 0 else state.tick)
        for worker in state.workers:
            what = self._alone.fails(complete._replace(workers=(worker,), durable=state.row))
            if what is not None:
                return f"a worker that is left alone gets stuck: {what}"
        return None

    def _unfinished(self, state: State) -> str | None:
        row = state.row
        ended = row.position == self._records and len(row.seen) == CHUNKS
        return None if ended else f"it rests with {row}, believing in position {state.workers[0].position}"

    def steps(self, state: State) -> Steps:
        if self._faults:
            yield from self._surroundings(state)
        for which, worker in enumerate(state.workers):
            for label, following in self._worker(state, which, worker):
                yield f"{NAMES[which]}: {label}", following

    def _surroundings(self, state: State) -> Steps:
        if state.acknowledged < self._records:
            yield "Kafka: a record is acknowledged", state._replace(acknowledged=state.acknowledged + 1)
        if state.tick < 0:
            yield "Kafka: a tick is produced", state._replace(tick=state.acknowledged)
        if state.row != state.durable:
            yield "Postgres: writes its log", state._replace(durable=state.row)
            workers = tuple(Worker() if worker.locks_row else worker for worker in state.workers)
            yield "Postgres: crashes", state._replace(row=state.durable, workers=workers)

    def _worker(self, state: State, which: int, worker: Worker) -> Steps:
        if worker.main == "off":
            yield "take-over 1", state.put(which, Worker(main="bump"))
            return
        if self._faults:
            yield "dies", state.put(which, Worker())
        yield from self._take_over(state, which, worker)
        yield from self._end_transaction(state, which, worker)
        # The client reads while a batch or a chunk is being written.
        if worker.main not in {"bump", "row", "reading"}:
            yield from self._fetch(state, which, worker)
        if worker.main == "work":
            yield from self._begin(state, which, worker)
            yield from self._choose(state, which, worker)

    def _take_over(self, state: State, which: int, worker: Worker) -> Steps:
        match worker.main:
            case "bump" if not state.row_locked:
                workers = tuple(other._replace(current=False) for other in state.workers)
                bumped = worker._replace(main="row", current=True)
                yield "take-over 2: epoch", state._replace(workers=workers).put(which, bumped, durable=True)
            case "row":
                read = worker._replace(main="reading", position=state.row.position, chunks=len(state.row.seen))
                yield "take-over 2: row", state.put(which, read if worker.current else Worker())
            case "reading":
                yield "take-over 4", state.put(which, worker._replace(main="work", fetched=worker.position))

    def _end_transaction(self, state: State, which: int, worker: Worker) -> Steps:
        match worker.main:
            case "batch" | "written":
                yield from self._write_batch(state, which, worker)
            case "chunk":
                after = state.row._replace(seen=(*state.row.seen, state.row.taken))
                yield from self._commit(state, which, worker, "tick 6", after, durable=True)
            case "judging":
                yield from self._commit(state, which, worker, "judging", state.row, durable=True)

    def _fetch(self, state: State, which: int, worker: Worker) -> Steps:
        if len(worker.batches) < BATCHES_WAITING:
            for stop in range(worker.fetched + 1, min(worker.fetched + LONGEST_BATCH, state.acknowledged) + 1):
                batches = (*worker.batches, (worker.fetched, stop))
                yield "batch 1", state.put(which, worker._replace(fetched=stop, batches=batches))

    def _choose(self, state: State, which: int, worker: Worker) -> Steps:
        """Barrier and choice, in this order or in the other. Judging is another model's."""
        if worker.chunks or worker.barrier >= 0:
            return
        chosen = state.tick >= 0
        if self._rules.barrier_after_choice:
            if worker.asked < 0 and chosen:
                yield "tick 0", state.put(which, worker._replace(asked=0))
            elif worker.asked == 0:
                yield "tick 1", state.put(which, worker._replace(asked=-1, barrier=state.acknowledged))
        elif worker.asked < 0:
            yield "tick 1", state.put(which, worker._replace(asked=state.acknowledged))
        elif chosen:
            yield "tick 0", state.put(which, worker._replace(asked=-1, barrier=worker.asked))

    def _begin(self, state: State, which: int, worker: Worker) -> Steps:
        compared = self._rules.position_compared
        if state.row_locked:
            return
        under_way = 0 < worker.chunks < CHUNKS
        if under_way or 0 <= worker.barrier <= worker.position:
            expected = worker.position if compared == "all" else None
            label = "tick 3" if under_way else "tick 2"
            yield from self._fence(state, which, worker, label, "chunk", expected)
        # A tick comes before activity.
        waits = 0 <= worker.barrier <= worker.position or (under_way and self._rules.activity_waits_for_last_chunk)
        if worker.batches and not waits:
            expected = worker.batches[0][0] if compared != "none" else None
            yield from self._fence(state, which, worker, "batch 2", "batch", expected)
        if self._faults or worker.position != state.row.position:
            # Judging, a confirm: synchronous, and of no interest here but for what it tells the worker. An idle worker
            # learns of a crash of Postgres no sooner than by the next one.
            expected = worker.position if compared == "all" else None
            yield from self._fence(state, which, worker, "judging: fence", "judging", expected)

    def _fence(
        self, state: State, which: int, worker: Worker, label: str, following: str, position: int | None
    ) -> Steps:
        if self._rules.fence and not worker.current:
            yield f"{label}, refused for the epoch", state.put(which, Worker())
        elif position is not None and state.row.position != position:
            yield f"{label}, refused for the position", state.put(which, Worker())
        else:
            yield label, state.put(which, worker._replace(main=following))

    def _write_batch(self, state: State, which: int, worker: Worker) -> Steps:
        start, stop = worker.batches[0]
        if worker.main == "batch":
            yield "batch 3", state.put(which, worker._replace(main="written"))
            return
        written = worker._replace(batches=worker.batches[1:])
        after = state.row.take_in(start, stop)
        yield from self._commit(state, which, written, "batch 4", after, durable=False)
        if self._faults:
            yield from self._commit(state, which, written, "batch 4: with a dead letter", after, durable=True)

    def _commit(self, state: State, which: int, worker: Worker, label: str, row: Row, *, durable: bool) -> Steps:
        known = worker._replace(main="work", position=row.position, chunks=len(row.seen))
        if known.chunks:
            known = known._replace(barrier=-1, asked=-1)
        yield label, state.put(which, known, row, durable=durable)
        if self._faults:
            yield f"{label}: answer lost", state.put(which, Worker(), row, durable=durable)
            yield f"{label}: not committed", state.put(which, Worker())
