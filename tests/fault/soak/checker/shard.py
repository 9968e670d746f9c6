"""One shard's users, tick by tick: which states of the shard explain what it did.

A shard decides a tick on one state: one prefix of its partition between the bounds. Users without a record between the
bounds are the same in all of them. Of the others every state is asked for, and a prefix explains the tick if every one
of them has the message, or has none, as the rules say of that prefix.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from tests.fault.soak.checker.activity import Log, deciding
from tests.fault.soak.checker.verdicts import Fault, Message, fault_of, holds_until
from tests.oracle import Event, Limits, Thresholds, Tick, User, Verdict, evaluate, user_of, written

# Users counted as active, and as recently messaged.
Skips = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What becomes of a tick that the shard evaluates.

    ``skips``: what it may have counted; ``least``: the shortest prefix that explains the messages; ``faults``: by
    user, what no state explains, or, where every user alone is explained, what the best common state does not.
    """

    skips: frozenset[Skips]
    least: int
    faults: Sequence[tuple[str, Fault]]


@dataclass(frozen=True, slots=True)
class _Piece:
    """What the rules say of a user from this prefix on."""

    start: int
    reason: str | None
    fault: Fault | None


class Shard:
    """To be asked about ticks in their order."""

    def __init__(self, log: Log, thresholds: Thresholds, limits: Limits) -> None:
        self._log = log
        self._thresholds = thresholds
        self._limits = limits
        self._least = 0
        self._settled = 0
        self._events: dict[str, list[Event]] = {}
        self._last_messaged: dict[str, int] = {}
        # Whoever is not to be asked again yet: counted here until that moment.
        self._reasons: dict[str, str] = {}
        self._until: dict[str, int] = {}
        self._counts: Counter[str] = Counter()
        self._wake: list[tuple[int, str]] = []
        self._unasked: set[str] = set()

    def evaluate(self, tick: Tick, produced: float, seen: float, messages: Mapping[str, Message]) -> Evaluated:
        """Look at a tick sent at ``produced``, whose cycle was seen at ``seen``, as evaluated with these messages."""
        least, most = self._log.bounds(produced, seen)
        least = max(least, self._least)
        self._settle(least)
        coming = self._coming(least, most)
        asked = self._due(tick.at) | coming.keys()
        pieces: dict[str, list[_Piece]] = {}
        faults: list[tuple[str, Fault]] = []
        for user_id in asked:
            found = self._pieces(user_id, tick, least, coming.get(user_id, ()), messages.get(user_id))
            if all(piece.fault for piece in found):
                faults += [(user_id, piece.fault) for piece in found[:1] if piece.fault]
                found = [_Piece(piece.start, piece.reason, None) for piece in found]
            if user_id in coming:
                pieces[user_id] = found
        for user_id in messages.keys() - asked:
            reason = self._reasons.get(user_id, "unknown")
            faults.append((user_id, Fault("I4", "wrong", f"has a message, but is {reason}")))
        return self._choose(least, pieces, sorted(faults, key=str))

    def evaluated(self, outcome: Evaluated) -> None:
        """It is certain that the shard evaluated the tick: later ones see no less."""
        self._least = max(self._least, outcome.least)

    def messaged(self, user_ids: Iterable[str], at: int) -> None:
        """These users have a message of this time."""
        for user_id in user_ids:
            self._last_messaged[user_id] = at
            self._unasked.add(user_id)

    def users(self) -> list[User]:
        """Everybody, by all records of the partition; not to be asked about ticks afterwards."""
        self._settle(len(self._log.events))
        return [user_of(events, self._last_messaged.get(user_id)) for user_id, events in self._events.items()]

    def known(self, user_id: str, produced: float, seen: float) -> str:
        """For a person: the user's last records up to where a tick may have seen, and the bounds of what it saw."""
        least, most = self._log.bounds(produced, seen)
        records = [
            f"{written(event.occurred_at)} as record {number}"
            for number, event in enumerate(self._log.events[:most], 1)
            if event is not None and event.user_id == user_id
        ]
        return f"{', '.join(records[-3:])}; decided on the first {least} to {most} records"

    def _settle(self, end: int) -> None:
        for event in self._log.events[self._settled : end]:
            if event is not None:
                self._events[event.user_id] = deciding([*self._events.get(event.user_id, ()), event])
                self._unasked.add(event.user_id)
        self._settled = max(self._settled, end)

    def _coming(self, start: int, end: int) -> dict[str, list[tuple[int, Event]]]:
        coming: dict[str, list[tuple[int, Event]]] = defaultdict(list)
        for index, event in enumerate(self._log.events[start:end], start):
            if event is not None:
                coming[event.user_id].append((index + 1, event))
        return dict(coming)

    def _due(self, at: int) -> set[str]:
        due, self._unasked = self._unasked, set()
        while self._wake and self._wake[0][0] < at:
            until, user_id = heappop(self._wake)
            if self._until.get(user_id) == until:
                due.add(user_id)
        return due

    def _pieces(
        self, user_id: str, tick: Tick, start: int, coming: Sequence[tuple[int, Event]], found: Message | None
    ) -> list[_Piece]:
        """Ask the rules; whoever has no record between the bounds is remembered for as long as the answer holds."""
        self._forget(user_id)
        events = list(self._events.get(user_id, ()))
        pieces = []
        for index, event in ((start, None), *coming):
            events += [] if event is None else [event]
            user = user_of(events, self._last_messaged.get(user_id)) if events else None
            verdict = None if user is None else evaluate(user, tick.at, self._thresholds)
            fault = fault_of(found, user, verdict, tick, self._limits)
            pieces.append(_Piece(index, None if verdict is None else verdict.reason, fault))
            if not coming and user is not None and verdict is not None:
                self._remember(user, verdict)
        if coming:
            self._unasked.add(user_id)
        return pieces

    def _forget(self, user_id: str) -> None:
        if user_id in self._reasons:
            self._counts[self._reasons.pop(user_id)] -= 1
        self._until.pop(user_id, None)

    def _remember(self, user: User, verdict: Verdict) -> None:
        until = holds_until(user, verdict, self._thresholds)
        if until is None:
            self._unasked.add(user.user_id)
            return
        self._reasons[user.user_id] = verdict.reason
        self._counts[verdict.reason] += 1
        self._until[user.user_id] = until
        heappush(self._wake, (until, user.user_id))

    def _choose(self, least: int, pieces: Mapping[str, Sequence[_Piece]], faults: list[tuple[str, Fault]]) -> Evaluated:
        """The states that explain most users, which should be all."""
        turns: dict[int, Counter[str]] = defaultdict(Counter)
        for found in pieces.values():
            before: _Piece | None = None
            for piece in found:
                turn = turns[piece.start]
                turn[piece.reason or ""] += 1
                turn["faults"] += piece.fault is not None
                if before is not None:
                    turn[before.reason or ""] -= 1
                    turn["faults"] -= before.fault is not None
                before = piece
        counts = Counter(self._counts)
        states = []
        for start in sorted({least, *turns}):
            counts.update(turns[start])
            states.append((counts["faults"], start, (counts["active"], counts["recently_messaged"])))
        fewest, prefix, _skips = min(states)
        if fewest:
            faults = [*faults, ("", Fault("I3", "wrong", f"no one state explains all users; beside {prefix} records:"))]
            faults += _faults_at(prefix, pieces)
        return Evaluated(frozenset(skips for number, _, skips in states if number == fewest), prefix, faults)


def _faults_at(prefix: int, pieces: Mapping[str, Sequence[_Piece]]) -> list[tuple[str, Fault]]:
    """Who is not explained by the prefix."""
    found = []
    for user_id, ordered in sorted(pieces.items()):
        fault = [piece for piece in ordered if piece.start <= prefix][-1].fault
        if fault is not None:
            found.append((user_id, fault))
    return found
