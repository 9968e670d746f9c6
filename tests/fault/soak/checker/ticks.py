"""Tick by tick: whether messages and figures follow from states that each shard may have seen."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from tests.differences import cycle_differences
from tests.fault.soak.checker.figures import Choice, possible
from tests.fault.soak.checker.judgement import EXAMPLES, Judgement
from tests.fault.soak.checker.output import Cycle, place
from tests.fault.soak.checker.sending import Lying
from tests.fault.soak.checker.shard import Shard
from tests.fault.soak.checker.verdicts import Message
from tests.oracle import (
    SKIP_REASONS,
    DeadLetter,
    InputRecord,
    Limits,
    OutputRecord,
    RejectedError,
    Tick,
    Verdict,
    cycle,
    read_tick,
    written,
)
from tests.oracle_cycles import without_stale


@dataclass(frozen=True, slots=True)
class AskedTick:
    """A tick that counts. ``overtaken``: a later one was sent before its cycle was seen, so it may be coalesced."""

    tick: Tick
    produced: float
    seen: float
    overtaken: bool


@dataclass(frozen=True, slots=True)
class TickLog:
    """``verdicts``: usable, stale or unusable, and the tick, by offset; ``asked``: the usable ones in their order."""

    verdicts: Mapping[int, tuple[str, Tick | None]]
    asked: Sequence[AskedTick]
    letters: Sequence[DeadLetter]


def read_ticks(lying: Sequence[Lying], seen: Mapping[str, float], limits: Limits) -> TickLog:
    """``seen``: when the cycle of a tick was seen, by its time as written."""
    verdicts: dict[int, tuple[str, Tick | None]] = {}
    readable: list[tuple[InputRecord, Tick]] = []
    letters = []
    for one in lying:
        try:
            tick = read_tick(one.record, limits)
        except RejectedError as rejected:
            verdicts[one.record.offset] = ("unusable", None)
            letters.append(DeadLetter(one.record, str(rejected)))
        else:
            verdicts[one.record.offset] = ("stale", tick)
            readable.append((one.record, tick))
    usable = list(without_stale(readable))
    verdicts |= {record.offset: ("usable", tick) for record, tick in usable}
    produced = {one.record.offset: one.invoked for one in lying}
    asked: list[AskedTick] = []
    next_produced = inf
    for record, tick in reversed(usable):
        ended = seen.get(written(tick.at), inf)
        asked.append(AskedTick(tick, produced[record.offset], ended, next_produced < ended))
        next_produced = min(next_produced, produced[record.offset])
    return TickLog(verdicts, asked[::-1], letters)


class TickJudge:
    """``shards``: all of them by number; ``home``: the shard of each user."""

    def __init__(self, shards: Sequence[Shard], home: Mapping[str, int], limits: Limits, judgement: Judgement) -> None:
        self._shards = shards
        self._home = home
        self._limits = limits
        self._judgement = judgement

    def judge(
        self, asked: Iterable[AskedTick], messages: Mapping[str, Mapping[str, Message]], cycles: Mapping[str, Cycle]
    ) -> None:
        """Every tick that counts, in order, with the messages and the cycle of its time."""
        known = set()
        for one in asked:
            at = written(one.tick.at)
            known.add(at)
            self._judgement.checked["ticks"] += 1
            found = cycles.get(at)
            if found is None:
                self._judgement.note("I2", "lost", f"the cycle of {at} is not there")
            self._judge_tick(one, messages.get(at, {}), found)
        for at in messages.keys() - known:
            for message in messages[at].values():
                self._judgement.note(
                    "I3", "wrong", f"{place(message.record)} is no message of any tick: {message.value}"
                )
        for at in cycles.keys() - known:
            self._judgement.note("I3", "wrong", f"{place(cycles[at].record)} is no cycle of any tick")

    def _judge_tick(self, asked: AskedTick, messages: Mapping[str, Message], found: Cycle | None) -> None:
        at = written(asked.tick.at)
        coalesced = None if found is None else _coalesced(found)
        by_shard: dict[int, dict[str, Message]] = defaultdict(dict)
        for user_id, message in messages.items():
            if user_id in self._home:
                by_shard[self._home[user_id]][user_id] = message
            else:
                self._judgement.note("I4", "wrong", f"{user_id} has a message of {at}, but there is no such user")
        choices = [
            self._judge_shard(number, shard, asked, by_shard[number], coalesced)
            for number, shard in enumerate(self._shards)
        ]
        if found is not None:
            self._judge_figures(asked.tick, messages.values(), found, choices)

    def _judge_shard(
        self, number: int, shard: Shard, asked: AskedTick, messages: Mapping[str, Message], coalesced: int | None
    ) -> Choice:
        """What the shard may have done. Who has messages has evaluated; ``coalesced``: so many did, by the record."""
        evaluated = shard.evaluate(asked.tick, asked.produced, asked.seen, messages)
        shard.messaged(messages, asked.tick.at)
        if asked.overtaken and not messages and coalesced != 0:
            all_did = coalesced == len(self._shards)
            return Choice(() if all_did or evaluated.faults else evaluated.skips, may_coalesce=True)
        shard.evaluated(evaluated)
        for user_id, fault in evaluated.faults:
            what = f"at {written(asked.tick.at)} in shard {number}, {user_id} {fault.what}"
            if self._judgement.invariants[fault.invariant].number < EXAMPLES:
                what += f" ({shard.known(user_id, asked.produced, asked.seen)})"
            self._judgement.note(fault.invariant, fault.kind, what)
        return Choice(evaluated.skips)

    def _judge_figures(self, tick: Tick, messages: Iterable[Message], found: Cycle, choices: Sequence[Choice]) -> None:
        claimed, coalesced = _skips(found), _coalesced(found)
        if claimed is None or coalesced is None:
            self._judgement.note("figures", "wrong", f"{place(found.record)} holds no figures: {found.record.value!r}")
            return
        # What isn't open is worked out; what is open is taken from the record, and asked for below.
        segments = [message.value.get("segment") for message in messages]
        active, recently = (Verdict(reason) for reason in SKIP_REASONS)
        verdicts = [active] * claimed[0] + [recently] * claimed[1]
        verdicts += [Verdict("eligible", segment) for segment in segments]
        expected: OutputRecord = cycle(tick, verdicts, len(self._shards) - coalesced, coalesced)
        for line in cycle_differences([expected], [found.record]):
            self._judgement.note("figures", "wrong", line)
        explained = possible(choices, claimed, coalesced)
        self._judgement.checked["cycles with figures held against bounds only"] += explained is None
        if explained is False:
            skips = dict(zip(SKIP_REASONS, claimed, strict=True))
            what = f"the cycle of {tick.tick_id} says {skips}, coalesced {coalesced}: no states of the shards give that"
            self._judgement.note("figures", "wrong", what)


def _coalesced(found: Cycle) -> int | None:
    try:
        return int(found.value["shards"]["coalesced"])
    except (KeyError, TypeError, ValueError):
        return None


def _skips(found: Cycle) -> tuple[int, int] | None:
    try:
        active, recently = (int(found.value["detailed_stats"]["skip_reasons"][reason]) for reason in SKIP_REASONS)
    except (KeyError, TypeError, ValueError):
        return None
    return active, recently
