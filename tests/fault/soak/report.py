"""The figures of a soak, added up over its rounds."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.fault.soak.checker.history import Fault
from tests.fault.soak.checker.judgement import Judgement
from tests.fault.soak.kinds import KIND_NAMES, SESSION_SECONDS
from tests.fault.soak.recovery import Recovery, Tick, quantile, recoveries

KILLS = ("worker killed", "worker killed at a step")
KILL_SECONDS = SESSION_SECONDS + 5.0
DEFECTS = ("lost", "repeated", "wrong", "aborted read", "unseen", "hanging")
"""Kinds of findings that a report always names, in this order; the others only where there are any."""


@dataclass(slots=True)
class Played:
    """What is known of a round before it is judged. Moments are monotonic seconds."""

    ticks: list[Tick] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    missed: Counter[str] = field(default_factory=Counter)
    """Faults that hit nobody, by kind: the step was not reached, say."""
    trouble: list[str] = field(default_factory=list)
    hand_overs: list[float] = field(default_factory=list)
    """Seconds until others owned the shards of a worker that was stopped."""
    stops: list[float] = field(default_factory=list)
    """Seconds from SIGTERM to the end of the process."""
    unknown: int = 0
    """Records that were sent again because nobody knew what had become of them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of fault. ``recovered``: seconds p50, p99 and at most; ``alone``: how many, and at most."""

    kind: str
    injected: int
    recovered: tuple[float, float, float] | None
    alone: tuple[int, float] | None


@dataclass(slots=True)
class Report:
    """``seconds``: with faults and load, all rounds together."""

    seed: int
    command: str
    mutant: str = "none"
    rounds: int = 0
    seconds: float = 0.0
    injected: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    slopes: list[Mapping[str, float]] = field(default_factory=list)
    recovered: list[Recovery] = field(default_factory=list)
    hand_overs: list[float] = field(default_factory=list)
    stops: list[float] = field(default_factory=list)
    unknown: int = 0
    defects: list[str] = field(default_factory=list)
    first_defect_after_faults: int | None = None

    def add(self, played: Played, judgement: Judgement | None, seconds: float) -> None:
        """One more round; without a judgement it could not be judged, which its trouble says."""
        self.rounds += 1
        self.seconds += seconds
        self.injected.update(fault.kind for fault in played.faults)
        self.missed += played.missed
        self.recovered += recoveries(played.faults, played.ticks)
        self.hand_overs += played.hand_overs
        self.stops += played.stops
        self.unknown += played.unknown
        self.defects += [f"round {self.rounds}: {text}" for text in played.trouble]
        if judgement is not None:
            self._judged(judgement)
        if self.defects and self.first_defect_after_faults is None:
            self.first_defect_after_faults = self.injected.total()

    def _judged(self, judgement: Judgement) -> None:
        self.checked += judgement.checked
        self.found.update(judgement.kinds)
        self.slopes += judgement.slopes.values()
        for name, findings in judgement.invariants.items():
            self.defects += [f"round {self.rounds}, {name}: {example}" for example in findings.examples]

    @property
    def sound(self) -> bool:
        return not self.defects and not self.found

    def rows(self) -> list[Row]:
        """All kinds, in the order of the table of kinds."""
        return [self._row(kind) for kind in KIND_NAMES]

    def _row(self, kind: str) -> Row:
        of_kind = [recovery for recovery in self.recovered if recovery.kind == kind]
        seconds = [recovery.seconds for recovery in of_kind]
        alone = [recovery.seconds for recovery in of_kind if recovery.alone]
        return Row(
            kind,
            self.injected[kind],
            (quantile(seconds, 0.5), quantile(seconds, 0.99), max(seconds)) if seconds else None,
            (len(alone), max(alone)) if alone else None,
        )

    def kills_in_time(self, *, alone: bool) -> tuple[int, int]:
        """Of the kills of workers (that nothing else disturbed), how many had a full cycle in time; and of how many."""
        kills = [one for one in self.recovered if one.kind in KILLS and (one.alone or not alone)]
        return sum(one.seconds <= KILL_SECONDS for one in kills), len(kills)
