"""Choosing among the ticks that wait: one shard, its worker, and another one that judges too.

All ticks of the topic are usable here. After a downtime the shard must evaluate the newest of those that waited,
however the reading and judging of them is cut into pieces.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from consumer.tick_follower import JudgedTo
from tests.model.explore import LeftAlone, Step


@dataclass(frozen=True, slots=True)
class Rules:
    """The protocol as it is; each rule can be left out."""

    choice_waits_for_end: bool = True


class Worker(NamedTuple):
    """What the process and its ownership of the shard remember.

    ``waited``: the end of the topic when the process started, and later when it first saw more after it had let shards
    choose; -1 before that. ``looked``: to where the shard has looked for ticks.
    """

    waited: int = 0
    position: int = -1
    judged_to: int = 0
    asked_end: int | None = None
    looked: int = 0
    chosen: int = -1


class State(NamedTuple):
    """The topic's end, how far it is judged, the shard's row, and its worker."""

    produced: int = 0
    tick_next: int = 0
    cursor: int = 0
    begun: bool = False
    worker: Worker = Worker()
    fault: str = ""


Steps = Iterator[Step[State]]


class Choosing:
    """The model. Without ``faults`` nothing new is produced, and the worker doesn't restart."""

    def __init__(
        self,
        rules: Rules = Rules(),
        *,
        ticks: int = 3,
        faults: bool = True,
    ) -> None:
        self._rules = rules
        self._ticks = ticks
        self._faults = faults
        if faults:
            alone = Choosing(rules, ticks=ticks, faults=False)
            self._alone = LeftAlone(alone, alone._unfinished)

    def initial(self) -> State:
        return State()

    def key(self, state: State) -> object:
        return state

    def violation(self, state: State) -> str | None:
        return state.fault or self._alone.fails(state)

    def _unfinished(self, state: State) -> str | None:
        if state.fault:
            return state.fault
        if state.cursor < state.produced or state.begun:
            return f"of {state.produced} ticks, only those before {state.cursor} are evaluated"
        return None

    def steps(self, state: State) -> Steps:
        worker = state.worker
        if state.fault:
            return
        if self._faults:
            yield from self._surroundings(state)
        yield from self._follow(state, worker)
        if state.begun:
            yield "publish 4", state._replace(begun=False)
        elif worker.chosen >= 0:
            begun = state._replace(begun=True, cursor=worker.chosen + 1, worker=worker._replace(chosen=-1))
            yield "tick 2", begun
        elif worker.judged_to > max(worker.looked, state.cursor):
            chosen = worker._replace(looked=worker.judged_to, chosen=worker.judged_to - 1)
            yield "tick 0", state._replace(worker=chosen)

    def _surroundings(self, state: State) -> Steps:
        if state.produced < self._ticks:
            yield "Kafka: a tick is produced", state._replace(produced=state.produced + 1)
        for stop in range(state.tick_next + 1, state.produced + 1):
            yield "other worker: judging", state._replace(tick_next=stop)
        yield "restarts", state._replace(worker=Worker(waited=state.produced))
        yield "take-over 2", state._replace(worker=state.worker._replace(looked=0, chosen=-1))

    def _follow(self, state: State, worker: Worker) -> Steps:
        position = state.tick_next if worker.position < 0 else worker.position
        for stop in range(position + 1, state.produced + 1):
            # Where others judged meanwhile, nothing is written, and reading goes on from where they are.
            judged = stop if position == state.tick_next else state.tick_next
            read = worker._replace(position=judged, waited=_waited(state))
            yield "judging", state._replace(tick_next=judged, worker=read)
            if self._faults:
                yield "judging: answer lost", state._replace(tick_next=judged, worker=read._replace(position=-1))
        noted = self._note_end(worker._replace(position=position), state.produced)
        if noted.judged_to != worker.judged_to:
            yield "end asked", _let_choose(state, noted)
        elif noted != worker:
            # At the end of the topic, it has not read on.
            waited = -1 if position == state.produced and worker.waited < 0 else _waited(state)
            yield "end asked", state._replace(worker=noted._replace(waited=waited))

    def _note_end(self, worker: Worker, end: int) -> Worker:
        if not self._rules.choice_waits_for_end:
            return worker._replace(judged_to=worker.position)
        judged_to = JudgedTo()
        judged_to.offset, judged_to._asked_end = worker.judged_to, worker.asked_end
        judged_to.note(worker.position, end)
        return worker._replace(judged_to=judged_to.offset, asked_end=judged_to._asked_end)


def _waited(state: State) -> int:
    return state.produced if state.worker.waited < 0 else state.worker.waited


def _let_choose(state: State, noted: Worker) -> State:
    waited = _waited(state)
    fault = f"shards may choose tick {noted.judged_to - 1}, while tick {waited - 1} has been waiting"
    return state._replace(worker=noted._replace(waited=-1), fault=fault if noted.judged_to < waited else "")
