"""Publishing and taking over: one shard, one tick, two workers that may both believe that they own it.

Either may be frozen between any two steps, since the other may always go on, and crash, and come again, any number of
times. Whatever fails for a worker ends its ownership, as in the engine, so a lost answer is what was asked for, or not,
and a crash. A worker that is frozen inside a transaction of Postgres keeps the row locked until it goes on or
dies: that its session is ended from outside is for the others the same as its death.
"""

from tests.model.explore import LeftAlone
from tests.model.publishing_calls import Calls, Steps, halted
from tests.model.publishing_state import PROBE, PROTOCOL, Kafka, Postgres, Rules, State, Worker, broken_promise

NAMES = "ABC"


class Publishing:
    """The model. ``chunks``: how many entries each of the tick's chunks adds, 0 or 1; the cycle record follows.

    ``faults``: whether anything but the plain steps of the protocol happens. ``progress_matters``: a shard that is
    halted or gets stuck breaks a promise; without, worse is looked for.
    """

    def __init__(
        self,
        rules: Rules = PROTOCOL,
        *,
        chunks: tuple[int, ...] = (1, 0),
        workers: int = 2,
        most_late: int = 1,
        faults: bool = True,
        progress_matters: bool = True,
    ) -> None:
        self._rules = rules
        self._chunks = chunks
        self._workers = workers
        self._calls = Calls(rules, faults, most_late)
        self._faults = faults
        self._progress_matters = progress_matters
        if faults:
            alone = Publishing(rules, chunks=chunks, workers=1, faults=False)
            self._alone = LeftAlone(alone, alone._unfinished)

    def initial(self) -> State:
        kafka = Kafka(messages=(0,) * (sum(self._chunks) + 1))
        return State(Postgres(), kafka, (Worker(),) * self._workers)

    def key(self, state: State) -> object:
        """Workers differ by name only."""
        return state._replace(workers=tuple(sorted(state.workers, key=hash)))

    def steps(self, state: State) -> Steps:
        if state.fault:
            return
        if self._faults:
            yield from self._kafka_faults(state)
        if state.kafka.phase == "committing":
            yield "Kafka: completes a commit", state._replace(kafka=state.kafka.complete())
        for which, worker in enumerate(state.workers):
            for label, following in self._worker(state, which, worker):
                yield f"{NAMES[which]}: {label}", following

    # What must hold.

    def violation(self, state: State) -> str | None:
        if not self._progress_matters:
            return broken_promise(state, messages=sum(self._chunks))
        return state.fault or broken_promise(state, messages=sum(self._chunks)) or self._fails_alone(state)

    def _fails_alone(self, state: State) -> str | None:
        """A worker must end the tick when the others die and no more faults come, wherever it is by then."""
        for worker in state.workers:
            what = self._alone.fails(state._replace(workers=(worker,)))
            if what is not None:
                return f"a worker that is left alone does not end the tick: {what}"
        return None

    def _unfinished(self, state: State) -> str | None:
        row, total = state.postgres.row, sum(self._chunks) + 1
        ended = (row.confirmed, row.decided, state.postgres.done) == (total, total, 1)
        return state.fault or (None if ended else f"it rests with {row}")

    # What happens outside the workers.

    def _kafka_faults(self, state: State) -> Steps:
        kafka = state.kafka
        if kafka.late:
            arrived = kafka._replace(late=kafka.late - 1).end()
            yield "Kafka: a late copy of a commit arrives", state._replace(kafka=arrived)
        if kafka.phase == "open":
            # The transaction's timeout fences its producer.
            workers = tuple(worker._replace(producer=False) for worker in state.workers)
            yield "Kafka: aborts after the timeout", state._replace(kafka=kafka.abort(), workers=workers)

    # What a worker does.

    def _worker(self, state: State, which: int, worker: Worker) -> Steps:
        if worker.main == "off":
            yield "take-over 1", state.put(which, Worker(main="bump"))
            return
        if self._faults:
            yield "dies", state.drop(which)
        yield from self._take_over(state, which, worker)
        yield from self._decide(state, which, worker)
        yield from self._initialise(state, which, worker)
        yield from self._publish(state, which, worker)

    def _take_over(self, state: State, which: int, worker: Worker) -> Steps:
        match worker.main:
            case "bump" | "waiting":
                yield from self._bump(state, which, worker)
            case "row":
                if worker.current:
                    row = state.postgres.row
                    yield "take-over 2: row", state.put(which, worker._replace(main="outbox", row=row))
                else:
                    yield "take-over 2: refused", state.drop(which)
            case "outbox":
                # In the wrong order, it was read with the bump.
                read = state.postgres.outbox if self._rules.outbox_read_after_bump else worker.entries
                yield "take-over 2: outbox", state.put(which, worker._replace(main="check", entries=read))
            case "check":
                yield from self._check_sequences(state, which, worker)
            case "left over" if not worker.entries and worker.publish == "idle":
                yield "take-over 3", state.put(which, worker._replace(main="reading"))
            case "reading":
                yield "take-over 4", state.put(which, worker._replace(main="work"))

    def _bump(self, state: State, which: int, worker: Worker) -> Steps:
        rules, outbox = self._rules, worker.entries
        if worker.main == "bump" and not rules.outbox_read_after_bump:
            # The statement's snapshot is taken before it waits for the row.
            outbox = state.postgres.outbox
            if state.row_locked:
                waiting = worker._replace(main="waiting", entries=outbox)
                yield "take-over 2: waits for the row", state.put(which, waiting)
        if not state.row_locked:
            former = tuple(other._replace(current=False) for other in state.workers)
            bumped = worker._replace(main="row", current=True, entries=outbox)
            yield "take-over 2: epoch", state._replace(workers=former).put(which, bumped)

    def _check_sequences(self, state: State, which: int, worker: Worker) -> Steps:
        row = worker.row
        if not worker.current:
            yield "take-over 2: refused", state.drop(which)
        elif worker.entries != tuple(range(row.confirmed + 1, row.decided + 1)):
            reason = f"the outbox holds {worker.entries}, not {row.confirmed + 1} to {row.decided}"
            yield "take-over 2: epoch asked", halted(state, which, reason)
        else:
            yield "take-over 2: epoch asked", state.put(which, worker._replace(main="left over"))

    # Chunks.

    def _decide(self, state: State, which: int, worker: Worker) -> Steps:
        first = not worker.row.cursor
        if worker.wants_chunk and worker.ready and not state.row_locked:
            label = "tick 2" if first else "tick 3: fence"
            if self._calls.refused(worker) or not (first or state.postgres.row.begun):
                yield f"{label} refused", state.drop(which)
            else:
                yield label, state.put(which, worker._replace(main="deciding"))
        elif worker.main == "deciding":
            last = self._chunk(state.postgres, first=first).row.last is not None
            yield "tick 4" if last else "tick 3", state.put(which, worker._replace(main="decided"))
        elif worker.main == "decided":
            after = self._chunk(state.postgres, first=first).end_tick(self._rules)
            yield from self._calls.commit(state, which, "tick 6", worker._replace(main="work"), after)

    def _chunk(self, postgres: Postgres, *, first: bool) -> Postgres:
        """What a chunk writes. Whoever was decided about is not due any more."""
        row = postgres.row
        if first:
            row = row._replace(cursor=1, begun=True, figures=0, last=None)
        due = self._chunks[row.chunks : row.chunks + 1]
        row = row._replace(chunks=row.chunks + len(due), figures=row.figures + sum(due))
        after = postgres._replace(row=row)
        if sum(due):
            after = after.add_entry()
        if after.row.chunks == len(self._chunks):
            after = after._replace(row=after.row._replace(last=after.row.decided))
        return after

    # The producer.

    def _initialise(self, state: State, which: int, worker: Worker) -> Steps:
        yield from self._new_producer(state, which, worker)
        yield from self._marker(state, which, worker)

    def _new_producer(self, state: State, which: int, worker: Worker) -> Steps:
        match worker.initialise:
            case "none" if worker.wants_producer:
                following = "marker first" if self._rules.marker_read == "before start" else "start"
                yield from self._calls.ask_epoch(state, which, worker, "initialise: epoch asked", following)
            case "marker first":
                seen = worker._replace(initialise="start", seen=state.kafka.marker)
                yield "initialise: marker", state.put(which, seen)
            case "start" if state.kafka.phase != "committing":
                yield from self._start(state, which, worker)
            case "check":
                following = self._after_start(worker)
                yield from self._calls.ask_epoch(state, which, worker, "initialise: epoch asked again", following)

    def _marker(self, state: State, which: int, worker: Worker) -> Steps:
        match worker.initialise:
            case "probe":
                probed = worker._replace(initialise="probed", seen=state.kafka.marker)
                yield from self._calls.deliver(state, which, "initialise: probe", PROBE, probed)
            case "probed":
                yield from self._calls.end_transaction(
                    state, which, "initialise: commit", worker._replace(initialise="read")
                )
            case "read" if not (state.kafka.phase == "committing" and PROBE in state.kafka.holds):
                yield from self._read_marker(state, which, worker)
            case "believe":
                marker = worker.row.confirmed if self._rules.marker_read == "never" else worker.marker
                yield "initialise: no marker read", state.put(which, _initialised(worker._replace(marker=marker)))
            case "confirm" | "confirming":
                confirming = worker._replace(initialise="confirming")
                yield from self._calls.confirm(state, which, worker, confirming, _initialised(worker))

    def _start(self, state: State, which: int, worker: Worker) -> Steps:
        """Fences every other producer of the shard, and aborts what one of them left open."""
        former = tuple(other._replace(producer=False) for other in state.workers)
        following = "check" if self._rules.epoch_asked_after_start else self._after_start(worker)
        started = worker._replace(initialise=following, producer=True, spent=False)
        yield "initialise: start", state._replace(workers=former).put(which, started, kafka=state.kafka.abort())

    def _after_start(self, worker: Worker) -> str:
        match self._rules.marker_read:
            case "before start":
                return "read"
            case "never":
                return "believe"
            case "once" if worker.marker >= 0:
                return "believe"
        return "probe"

    def _read_marker(self, state: State, which: int, worker: Worker) -> Steps:
        row, marker = worker.row, worker.seen
        label = "initialise: marker compared" if self._rules.marker_read == "before start" else "initialise: marker"
        if not row.confirmed <= marker <= row.decided:
            reason = f"the marker is {marker}, but sequences {row.confirmed} to {row.decided} are possible"
            yield label, halted(state, which, reason)
        elif marker > row.confirmed:
            yield label, state.put(which, worker._replace(initialise="confirm", marker=marker))
        else:
            yield label, state.put(which, _initialised(worker._replace(marker=marker)))

    # Entries.

    def _publish(self, state: State, which: int, worker: Worker) -> Steps:
        match worker.publish:
            case "idle" if worker.entries and worker.initialise == "ready" and worker.main != "check":
                if worker.entries[0] != worker.marker + 1:
                    reason = f"sequence {worker.entries[0]} follows marker {worker.marker}"
                    yield "publish 1", halted(state, which, reason)
                else:
                    yield "publish 1", state.put(which, worker._replace(publish="open"))
            case "open" | "messages sent" | "marker sent":
                yield from self._send(state, which, worker)
            case "sent":
                sent = worker._replace(publish="committed", marker=worker.entries[0])
                yield from self._calls.end_transaction(state, which, "publish 3", sent)
            case "committed" | "confirming":
                confirming, confirmed = worker._replace(publish="confirming"), worker._replace(publish="idle")
                yield from self._calls.confirm(state, which, worker, confirming, confirmed)

    def _send(self, state: State, which: int, worker: Worker) -> Steps:
        """Messages and marker go to different partitions, and so arrive in any order."""
        sequence = worker.entries[0]
        if worker.publish != "messages sent":
            following = "sent" if worker.publish == "marker sent" else "messages sent"
            sent = worker._replace(publish=following)
            yield from self._calls.deliver(state, which, "publish 2: messages", sequence, sent)
        if worker.publish != "marker sent":
            following = "sent" if worker.publish == "messages sent" else "marker sent"
            sent = worker._replace(publish=following)
            yield from self._calls.deliver(state, which, "publish 2: marker", -sequence, sent)


def _initialised(worker: Worker) -> Worker:
    return worker._replace(initialise="none" if worker.spent else "ready")
