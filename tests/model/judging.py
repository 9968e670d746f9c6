"""Judging and counting ticks: two shards and a third one by growth, two workers with different settings.

The strict worker takes a tick that lies far in the future for unusable, the lax one for usable, as side by side in a
rolling restart. Shards move between the workers at any moment, and what an ownership only remembers is forgotten then;
that a former owner is refused is another model's. A shard may choose up to any offset that is judged: which one it
should be, for not beginning an old tick, is again another model's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from domain.events import Tick
from domain.ticks import Verdict, judge_ticks
from tests.model.explore import LeftAlone, Step

STRICT, LAX = 0, 1
NAMES = ("strict", "lax")
SHARDS = 2
_DAY = datetime(2026, 11, 22, tzinfo=UTC)


class TopicRecord(NamedTuple):
    """A record of the tick topic: its time in hours, and whether that lies too far in the future for the strict."""

    at: int
    far: bool = False


TOPIC = (TopicRecord(1), TopicRecord(3, far=True), TopicRecord(2))
"""To the lax, the third one is stale. To the strict, the second one is unusable."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The protocol as it is; each rule can be left out."""

    verdicts_shared: bool = True
    judging_compares_position: bool = True
    growth_locks_deployment: bool = True


class TickRow(NamedTuple):
    """A judged tick. ``done`` are the shards that were counted in it, as often as they were."""

    usable: bool
    shards: int
    done: tuple[int, ...] = ()


class Shard(NamedTuple):
    """A shard's row, and what its owner remembers: the ticks that it chose the last of."""

    owner: int
    cursor: int = 0
    begun: int = -1
    chosen: tuple[int, ...] = ()


class Worker(NamedTuple):
    """What a process remembers: where it reads the tick topic, and the tick offset that it read to grow from."""

    position: int = -1
    grows: int = -1


class State(NamedTuple):
    """Everything. ``produced`` records are in the topic; ``ticks`` are those judged, by offset."""

    produced: int
    tick_next: int
    ticks: tuple[TickRow | None, ...]
    shards: tuple[Shard, ...]
    workers: tuple[Worker, Worker]
    fault: str = ""

    def with_worker(self, which: int, worker: Worker) -> "State":
        workers = (worker, self.workers[LAX]) if which == STRICT else (self.workers[STRICT], worker)
        return self._replace(workers=workers)

    def with_shard(self, number: int, shard: Shard) -> "State":
        return self._replace(shards=(*self.shards[:number], shard, *self.shards[number + 1 :]))

    def move(self, number: int, owner: int) -> "State":
        return self.with_shard(number, self.shards[number]._replace(owner=owner, chosen=()))

    def with_tick(self, offset: int, row: TickRow) -> "State":
        return self._replace(ticks=(*self.ticks[:offset], row, *self.ticks[offset + 1 :]))

    def count_done(self, offset: int, shard: int) -> "State":
        row = self.ticks[offset]
        if row is None:
            raise LookupError(f"tick {offset} is counted and not judged")
        return self.with_tick(offset, row._replace(done=tuple(sorted((*row.done, shard)))))


Steps = Iterator[Step[State]]


class Judging:
    """The model. Without ``faults`` no shard moves and nothing new is produced."""

    def __init__(
        self,
        rules: Rules = Rules(),
        *,
        topic: tuple[TopicRecord, ...] = TOPIC,
        growth: int = 1,
        faults: bool = True,
        progress_matters: bool = True,
    ) -> None:
        self._rules = rules
        self._topic = topic
        self._most_shards = SHARDS + growth
        self._faults = faults
        self._progress_matters = progress_matters
        if faults:
            alone = Judging(rules, topic=topic, faults=False)
            self._alone = LeftAlone(alone, alone._unfinished)

    def initial(self) -> State:
        shards = tuple(Shard(owner=number % 2) for number in range(SHARDS))
        return State(0, 0, (None,) * len(self._topic), shards, (Worker(), Worker()))

    def key(self, state: State) -> object:
        return state

    # What must hold.

    def violation(self, state: State) -> str | None:
        if state.fault:
            return state.fault
        for offset, row in enumerate(state.ticks):
            if row is not None and row.usable:
                what = self._miscounted(state, offset, row)
                if what is not None:
                    return f"tick {offset}: {what}"
        return self._alone.fails(state) if self._progress_matters else None

    def _miscounted(self, state: State, offset: int, row: TickRow) -> str | None:
        if len(set(row.done)) < len(row.done):
            return "a shard is counted done twice"
        if len(row.done) > row.shards:
            return f"{len(row.done)} of {row.shards} shards are done"
        for number, shard in enumerate(state.shards[: row.shards]):
            if number not in row.done and shard.cursor > offset and shard.begun != offset:
                return f"shard {number} is past it and not counted: the cycle never ends"
        return None

    def _unfinished(self, state: State) -> str | None:
        for offset, row in enumerate(state.ticks[: state.produced]):
            if row is None:
                return f"tick {offset} is never judged"
            if row.usable and len(row.done) < row.shards:
                return f"the cycle of tick {offset} never ends: {len(row.done)} of {row.shards} shards are done"
        return None

    # What happens.

    def steps(self, state: State) -> Steps:
        if state.fault:
            return
        if self._faults:
            yield from self._surroundings(state)
        for which, worker in enumerate(state.workers):
            if any(shard.owner == which for shard in state.shards):
                for label, following in self._judging(state, which, worker):
                    yield f"{NAMES[which]} worker: {label}", following
        for number, shard in enumerate(state.shards):
            for label, following in self._evaluate(state, number, shard):
                yield f"{NAMES[shard.owner]} worker, shard {number}: {label}", following

    def _surroundings(self, state: State) -> Steps:
        if state.produced < len(self._topic):
            yield "Kafka: a tick is produced", state._replace(produced=state.produced + 1)
        for number in range(len(state.shards)):
            for owner in (STRICT, LAX):
                yield f"{NAMES[owner]} worker, shard {number}: take-over 2", state.move(number, owner)
        for which, worker in enumerate(state.workers):
            for label, following in self._grow(state, which, worker):
                yield f"{NAMES[which]} worker: {label}", following

    def _grow(self, state: State, which: int, worker: Worker) -> Steps:
        if len(state.shards) == self._most_shards:
            return
        if worker.grows < 0 and not self._rules.growth_locks_deployment:
            yield "reads where a new shard begins", state.with_worker(which, worker._replace(grows=state.tick_next))
        else:
            cursor = state.tick_next if self._rules.growth_locks_deployment else worker.grows
            grown = state._replace(shards=(*state.shards, Shard(owner=which, cursor=cursor)))
            yield "adds a shard", grown.with_worker(which, worker._replace(grows=-1))

    # Judging: in the order of the tick topic, one transaction a batch.

    def _judging(self, state: State, which: int, worker: Worker) -> Steps:
        """The position may be an old one: others judge too."""
        if worker.position < 0:
            yield "asks where to judge from", state.with_worker(which, worker._replace(position=state.tick_next))
            return
        for stop in range(worker.position + 1, state.produced + 1):
            judged, position = self._judge(state, which, worker.position, stop)
            yield "judging", judged.with_worker(which, worker._replace(position=position))
            if self._faults:
                yield "judging: answer lost", judged.with_worker(which, worker._replace(position=-1))

    def _judge(self, state: State, which: int, start: int, stop: int) -> tuple[State, int]:
        """The state after judging, and where the worker reads on."""
        if not self._rules.verdicts_shared:
            return state, stop
        if start != state.tick_next and self._rules.judging_compares_position:
            return state, state.tick_next
        for offset, usable in self._verdicts(which, start, stop, self._latest(state)):
            if state.ticks[offset] is not None:
                return state._replace(fault=f"tick {offset} is judged twice"), stop
            state = state.with_tick(offset, TickRow(usable, len(state.shards)))
        return state._replace(tick_next=stop), stop

    def _latest(self, state: State) -> int | None:
        usable = [record.at for record, row in zip(self._topic, state.ticks, strict=True) if row and row.usable]
        return max(usable, default=None)

    def _verdicts(self, which: int, start: int, stop: int, latest: int | None) -> list[tuple[int, bool]]:
        """Of each record, whether this worker takes its tick for usable."""
        records = [(offset, self._decoded(which, offset)) for offset in range(start, stop)]
        judged, _ = judge_ticks(records, None if latest is None else _time(latest))
        return [(tick.offset, tick.verdict is Verdict.USABLE) for tick in judged]

    def _decoded(self, which: int, offset: int) -> Tick | None:
        record = self._topic[offset]
        return None if record.far and which == STRICT else Tick(str(offset), _time(record.at))

    # Evaluating.

    def _evaluate(self, state: State, number: int, shard: Shard) -> Steps:
        if shard.begun >= 0:
            ended = state.with_shard(number, shard._replace(begun=-1)).count_done(shard.begun, number)
            yield from self._commit("publish 4", ended, number)
        elif shard.chosen:
            yield from self._commit("tick 2", self._begin(state, number, shard), number)
        else:
            judged_to = state.tick_next if self._rules.verdicts_shared else state.produced
            for chosen in {self._usable(state, shard, end) for end in range(shard.cursor + 1, judged_to + 1)} - {()}:
                yield "tick 0", state.with_shard(number, shard._replace(chosen=chosen))

    def _commit(self, label: str, after: State, number: int) -> Steps:
        yield label, after
        if self._faults:
            yield f"{label}: answer lost", after.move(number, after.shards[number].owner)

    def _usable(self, state: State, shard: Shard, end: int) -> tuple[int, ...]:
        if self._rules.verdicts_shared:
            rows = enumerate(state.ticks[:end])
            return tuple(offset for offset, row in rows if offset >= shard.cursor and row is not None and row.usable)
        verdicts = self._verdicts(shard.owner, 0, end, None)
        return tuple(offset for offset, usable in verdicts if usable and offset >= shard.cursor)

    def _begin(self, state: State, number: int, shard: Shard) -> State:
        """The first chunk: the newest tick is begun, the others are counted done."""
        *coalesced, newest = shard.chosen
        state = state.with_shard(number, shard._replace(cursor=newest + 1, begun=newest, chosen=()))
        for offset in shard.chosen:
            if state.ticks[offset] is None:
                # Only where each shard judges for itself.
                state = state.with_tick(offset, TickRow(usable=True, shards=len(state.shards)))
        for offset in coalesced:
            state = state.count_done(offset, number)
        return state


def _time(hours: int) -> datetime:
    return _DAY + timedelta(hours=hours)
