"""What the judge says: how much was checked, what is wrong by invariant and kind, with some examples of each."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

EXAMPLES = 30

Kind = Literal[
    "lost", "repeated", "wrong", "aborted read", "unseen", "non-monotonic", "skipped", "hanging", "late", "leak", "exit"
]
INVARIANTS = {
    "input": "what a client sent is in Kafka once if acknowledged, at most once if unknown, and not if it failed",
    "polls": "a live read_committed consumer sees what is in the log at the end: all of it, nothing else, in its order",
    "I1": "every user in Postgres is what the activity topic says",
    "I2": "each message, cycle and dead letter is there exactly once",
    "I3": "the messages are those that the rules call for, of one state per shard that is not older than the tick",
    "I4": "no message while the rules say no, and never two within the message frequency",
    "I5": "the stored state never goes back",
    "I6": "the group's committed offsets are not ahead of the stored positions",
    "I7": "no transaction is left open",
    "I8": "after a fault is healed, what had been waiting is taken in within the time allowed",
    "I9": "long-lived workers gain neither memory nor descriptors",
    "I10": "a worker ends as it should, and its last log line names the cause",
    "figures": "the figures of each cycle are exact",
    "tables": "message log, ticks, counters and outbox agree with the topics and the users",
}


@dataclass(slots=True)
class Findings:
    """What is wrong in one respect; ``examples`` holds the first few."""

    number: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Judgement:
    """``checked``: how many of what; ``kinds``: how many findings of each kind; ``slopes``: by worker, per hour."""

    checked: Counter[str] = field(default_factory=Counter)
    kinds: Counter[Kind] = field(default_factory=Counter)
    invariants: dict[str, Findings] = field(default_factory=lambda: {name: Findings() for name in INVARIANTS})
    slopes: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.kinds

    def note(self, invariant: str, kind: Kind, what: str) -> None:
        """One more thing that is wrong."""
        self.kinds[kind] += 1
        findings = self.invariants[invariant]
        findings.number += 1
        if len(findings.examples) < EXAMPLES:
            findings.examples.append(f"{kind}: {what}")

    def lines(self) -> list[str]:
        """For a person: what was checked, then every invariant with what is wrong."""
        told = [f"{name}: {number}" for name, number in sorted(self.checked.items())]
        for name, findings in self.invariants.items():
            told.append(
                f"{name} {'holds' if not findings.number else f'is broken {findings.number} times'}: {INVARIANTS[name]}"
            )
            told += [f"    {example}" for example in findings.examples]
        return told
