"""What ticks may decide while users move: records of one user lie in several partitions.

A user belongs to the shard that took in a record of theirs last. While one of their records is on its way to another
shard, a tick may be evaluated by the former shard, by the new one, by both or by neither, and each sees all records of
its own partition that it must, but any part of those in the others. Nothing else may differ: whoever has no record on
its way to another shard is counted once, by all that is known.

Moments are numbers of records produced so far, so the n-th record (from 0) was produced at the moment n. It imports
nothing of the project and shares no code with it.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tests.oracle_input import DEFAULT_LIMITS, Event, Tick
from tests.oracle_rules import SKIP_REASONS, OutputRecord, Thresholds, Verdict, evaluate, message, user_of


@dataclass(frozen=True, slots=True)
class Mark:
    """What was produced before ``asked`` into the first ``shards`` partitions was taken in before ``ended``."""

    asked: int
    ended: int
    shards: int


@dataclass(frozen=True, slots=True)
class AskedTick:
    """A tick; its mark says when it was produced, when its cycle was seen, and how many shards it had."""

    tick: Tick
    mark: Mark


@dataclass(frozen=True, slots=True)
class Sent:
    """An event produced at the moment ``at``; it is certain to have been taken in from the moment ``sure`` on."""

    at: int
    partition: int
    event: Event
    sure: float

    def before(self, later: "Sent") -> bool:
        """Whether it is certain to have been taken in before the later one."""
        return self.sure <= later.at or (self.partition == later.partition and self.at < later.at)


def sent(at: int, partition: int, event: Event, marks: Iterable[Mark]) -> Sent:
    covering = [mark.ended for mark in marks if at < mark.asked and partition < mark.shards]
    return Sent(at, partition, event, min(covering, default=float("inf")))


@dataclass(frozen=True, slots=True)
class Possible:
    """What a tick may make of one user.

    ``least`` and ``most``: how many shards may evaluate them. ``verdicts``: what each of those may find. ``stored``:
    what a shard may count the user as that leaves while it evaluates, by what was stored before.
    """

    least: int
    most: int
    verdicts: frozenset[Verdict]
    messages: tuple[OutputRecord, ...]
    moving: bool
    stored: frozenset[str] = frozenset()

    @property
    def must_be_messaged(self) -> bool:
        return self.least > 0 and all(verdict.reason == "eligible" for verdict in self.verdicts)

    def skips(self, messaged: bool) -> tuple[int, int, frozenset[str]]:
        """How often the user may be counted as skipped, at least and at most, and for which reasons."""
        reasons = {verdict.reason for verdict in self.verdicts} | self.stored
        if messaged:
            # Whoever evaluates the user once more finds the message, or activity that came after it.
            return 0, self.most - 1, frozenset(SKIP_REASONS)
        return self.least, self.most, frozenset(reasons) - {"eligible"}


def possible(user: Sequence[Sent], asked: AskedTick, last_messaged: int | None, thresholds: Thresholds) -> Possible:
    """``user``: all that was ever produced of one user, in that order."""
    mark = asked.mark
    known = [record for record in user if record.sure <= mark.asked]
    under_way = [record for record in user if record.at < mark.ended and record not in known]
    homes = {r.partition for r in known if not any(r.before(later) for later in known)}
    arriving = {record.partition for record in under_way}
    moving = len(homes | arriving) > 1 and bool(arriving)
    owners = {home for home in homes | arriving if home < mark.shards}
    surely_there = bool(known) or any(record.at < mark.asked for record in under_way)
    all_take_part = bool(owners) and owners == homes | arriving
    verdicts, messages = set(), {}
    for view in {view: None for owner in owners for view in _views(owner, known, under_way, mark.asked)}:
        found = user_of([record.event for record in view], last_messaged)
        verdict = evaluate(found, asked.tick.at, thresholds)
        verdicts.add(verdict)
        if verdict.reason == "eligible":
            candidate = message(found, verdict, asked.tick, DEFAULT_LIMITS)
            messages[str(candidate.value)] = candidate
    return Possible(
        least=1 if surely_there and all_take_part and not moving else 0,
        most=len(owners) if moving else min(len(owners), 1),
        verdicts=frozenset(verdicts),
        messages=tuple(messages.values()),
        moving=moving,
        stored=frozenset(SKIP_REASONS[: 1 if last_messaged is None else 2]) if moving else frozenset(),
    )


def _views(owner: int, known: Sequence[Sent], under_way: Sequence[Sent], asked: int) -> Iterator[tuple[Sent, ...]]:
    """What the owner may see: of each partition a beginning; of its own at least what the tick must see."""
    choices = []
    for partition in sorted({record.partition for record in under_way}):
        records = [record for record in under_way if record.partition == partition]
        least = sum(record.at < asked for record in records) if partition == owner else 0
        choices.append([records[:length] for length in range(least, len(records) + 1)])
    for beginnings in itertools.product(*choices):
        view = (*known, *itertools.chain.from_iterable(beginnings))
        if any(record.partition == owner for record in view):
            yield view
