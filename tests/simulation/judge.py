"""Judges every commit to Postgres by the plain rules. It sees rows and records, and shares no code with the engine."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import islice

from tests import oracle
from tests.fakes.tables import MessageRow, Tables, TickRow, UserRow
from tests.oracle import Thresholds, microseconds
from tests.simulation.inputs import LONG_AGO, ORACLE_LIMITS, Inputs
from tests.simulation.plain import Evaluation, PlainState, figures_of, promised
from tests.simulation.published import Published
from tests.simulation.stored import check_counters, check_user


@dataclass(slots=True)
class ShardNotes:
    """What the judge remembers of one shard."""

    last_tick: int = LONG_AGO
    evaluation: Evaluation | None = None
    chose: dict[int, int] = field(default_factory=dict)
    """By epoch, how far the ticks were judged when the owner last chose."""


class Judge:
    """Hears of every commit of a shard's owner. Every method raises DifferenceError."""

    def __init__(self, inputs: Inputs, published: Published, seen: Counter[str]) -> None:
        self.state = PlainState()
        self._inputs = inputs
        self._published = published
        self._seen = seen
        self._saved: list[PlainState] = []
        self._shards: dict[int, ShardNotes] = {}

    def chose(self, shard: int, epoch: int, judged_to: int) -> None:
        """The owner of the shard begins to choose among the ticks judged so far."""
        self._notes(shard).chose[epoch] = judged_to

    def crashed(self, lost: int) -> None:
        """Postgres forgot the last ``lost`` commits."""
        if lost:
            self.state = self._saved[-lost]
        self._saved.clear()

    def committed(self, shard: int, before: Tables, after: Tables, thresholds: Thresholds, *, losable: bool) -> None:
        """One transaction of the shard's owner, who runs with these thresholds."""
        if losable:
            self._saved.append(self.state.copy())
        else:
            self._saved.clear()
        self._check_judging(before, after)
        self._take_in(shard, before, after)
        if before.shards[shard].tick_cursor != after.shards[shard].tick_cursor:
            self._begin(shard, before, after, thresholds)
        for row in islice(after.messages.values(), len(before.messages), None):
            self._message(shard, row)
        self._complete(shard, after, thresholds)
        self._count(shard, before, after)
        check_counters(after)
        self._check_users(shard, before, after)

    def _notes(self, shard: int) -> ShardNotes:
        return self._shards.setdefault(shard, ShardNotes())

    def _check_judging(self, before: Tables, after: Tables) -> None:
        for offset in after.ticks.keys() - before.ticks.keys():
            shards = after.ticks[offset].shards
            promised(holds=shards == len(after.shards), difference=f"tick {offset} was judged for {shards} shards")

    def _take_in(self, shard: int, before: Tables, after: Tables) -> None:
        start, end = (max(tables.shards[shard].position, 0) for tables in (before, after))
        evaluation = self._notes(shard).evaluation
        idle = evaluation is None or evaluation.complete
        promised(holds=start <= end, difference=f"the position of shard {shard} went back from {start} to {end}")
        promised(holds=start == end or idle, difference=f"shard {shard} took in activity in the middle of a tick")
        for event in self._inputs.events(shard, start, end):
            lost_by = self.state.take_in(event, shard)
            if lost_by is not None:
                self._note_move(lost_by, before.users[event.user_id])

    def _note_move(self, lost_by: int, row: UserRow) -> None:
        self._seen["user moved"] += 1
        evaluation = self._notes(lost_by).evaluation
        if evaluation is not None and not evaluation.complete:
            self._seen["user moved in the middle of a tick"] += 1
            self.state.gone[lost_by][row.stored.user.user_id] = row.stored.outcome.value

    def _begin(self, shard: int, before: Tables, after: Tables, thresholds: Thresholds) -> None:
        notes, state = self._notes(shard), after.shards[shard]
        start, offset = before.shards[shard].tick_cursor, state.tick_cursor - 1
        barrier, chose_to = self._inputs.barrier(offset, shard), notes.chose[state.epoch]
        known = [number for number in usable_offsets(after) if start <= number < chose_to]
        promised(holds=notes.evaluation is None, difference=f"shard {shard} began tick {offset} before it was done")
        promised(holds=known[-1:] == [offset], difference=f"shard {shard} chose {offset} of {known}, not the newest")
        promised(
            holds=state.position >= barrier,
            difference=f"shard {shard} began tick {offset} at {state.position}, but it was produced after {barrier}",
        )
        for coalesced in known[:-1]:
            was, now = before.ticks[coalesced].coalesced, after.ticks[coalesced].coalesced
            promised(holds=now == was + 1, difference=f"shard {shard} left tick {coalesced} out without counting it")
            self._published.coalesced(coalesced, shard)
        notes.evaluation = self._evaluation(shard, offset, thresholds)
        notes.last_tick = notes.evaluation.tick.at
        self.state.gone[shard] = {}

    def _evaluation(self, shard: int, offset: int, thresholds: Thresholds) -> Evaluation:
        tick = self._inputs.tick(offset)
        assert tick is not None
        users = {user.user_id: user for user in self.state.users_of(shard)}
        verdicts = oracle.evaluate_all(users.values(), tick.at, thresholds)
        for verdict in verdicts.values():
            self._seen[f"outcome {verdict.segment or verdict.reason}"] += 1
        return Evaluation(offset, tick, thresholds, users, verdicts)

    def _message(self, shard: int, row: MessageRow) -> None:
        evaluation, message = self._notes(shard).evaluation, row.message
        user_id, at = message.user_id, microseconds(message.decided_at)
        who = f"shard {shard} messaged {user_id} at {oracle.written(at)}"
        promised(holds=evaluation is not None and row.shard == shard, difference=f"{who} without a tick")
        assert evaluation is not None
        promised(holds=at == evaluation.tick.at, difference=f"{who}, which is not the time of the tick")
        verdict, last = evaluation.verdicts.get(user_id), self.state.messaged.get(user_id)
        promised(
            holds=verdict is not None and verdict.reason == "eligible" and user_id not in self.state.gone[shard],
            difference=f"{who}, but the rules say {verdict} of {evaluation.users.get(user_id)}",
        )
        assert verdict is not None
        promised(
            holds=last is None or at - last >= evaluation.thresholds.message_frequency,
            difference=f"{who}, and at {oracle.written(last or 0)}, within the frequency",
        )
        evaluation.messaged.add(user_id)
        self.state.messaged[user_id] = at
        expected = oracle.message(evaluation.users[user_id], verdict, evaluation.tick, ORACLE_LIMITS)
        self._published.decided(evaluation.offset, row, expected)

    def _complete(self, shard: int, after: Tables, thresholds: Thresholds) -> None:
        evaluation, begun = self._notes(shard).evaluation, after.shards[shard].begun
        if evaluation is not None and not evaluation.complete and evaluation.thresholds != thresholds:
            self._seen["tick goes on under another policy"] += 1
        if evaluation is None or evaluation.complete or (begun is not None and begun.last_sequence is None):
            return
        evaluation.complete = True
        eligible = {user_id for user_id, verdict in evaluation.verdicts.items() if verdict.reason == "eligible"}
        missing = sorted(eligible - evaluation.messaged - self.state.gone[shard].keys())
        promised(
            holds=not missing, difference=f"shard {shard} ended tick {evaluation.offset} without messages to {missing}"
        )

    def _count(self, shard: int, before: Tables, after: Tables) -> None:
        notes = self._notes(shard)
        evaluation = notes.evaluation
        if evaluation is None or after.ticks[evaluation.offset].evaluated == before.ticks[evaluation.offset].evaluated:
            return
        offset = evaluation.offset
        figures = figures_added(before.ticks[offset], after.ticks[offset])
        expected = figures_of(evaluation.outcomes(self.state.gone[shard]))
        promised(holds=evaluation.complete, difference=f"shard {shard} counted itself done too early in tick {offset}")
        promised(
            holds=figures == expected,
            difference=f"shard {shard} counted {figures} in tick {offset}, and the rules {expected}",
        )
        self._published.evaluated(offset, shard, figures)
        notes.evaluation = None

    def _check_users(self, shard: int, before: Tables, after: Tables) -> None:
        policy = after.shards[shard].policy
        everybody = policy != before.shards[shard].policy
        last_tick = self._notes(shard).last_tick
        for user_id, row in after.users.items():
            promised(
                holds=row.shard == self.state.shard[user_id],
                difference=f"{user_id} is in shard {row.shard}, not in {self.state.shard[user_id]}",
            )
            if row.shard == shard and (everybody or row is not before.users.get(user_id)):
                check_user(row, self.state.user(user_id), last_tick, policy)


def usable_offsets(tables: Tables) -> list[int]:
    """The ticks that count, in order."""
    return sorted(offset for offset, row in tables.ticks.items() if row.verdict == "usable")


def figures_added(before: TickRow, after: TickRow) -> dict[str, int]:
    """What one shard added to a tick's sums."""
    return {name: getattr(after.figures, name) - getattr(before.figures, name) for name in figures_of(())}
