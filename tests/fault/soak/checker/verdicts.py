"""What the rules say of users, without asking again while the answer can't change; and messages as they were read."""

import json
from dataclasses import dataclass

from tests.differences import message_differences
from tests.fault.soak.checker.judgement import Kind
from tests.oracle import InputRecord, Limits, OutputRecord, Thresholds, Tick, User, Verdict, message

_PAIRS = json.JSONDecoder(object_pairs_hook=list)


def holds_until(user: User, verdict: Verdict, thresholds: Thresholds) -> int | None:
    """The last moment, from that of the verdict on, for which it is certain; None for an eligible user.

    Idle times only grow. So whoever is active stays so up to the threshold, both ends included; and who was messaged
    recently is not active any more, and is skipped for as long as less than the frequency has passed.
    """
    if verdict.reason == "active":
        return user.last_active + thresholds.inactivity
    if verdict.reason == "recently_messaged" and user.last_messaged is not None:
        return user.last_messaged + thresholds.message_frequency - 1
    return None


@dataclass(frozen=True, slots=True)
class Message:
    """One that was read. Its members are read anew each time: half a million dictionaries would be half a gigabyte."""

    record: InputRecord

    @property
    def value(self) -> dict[str, str]:
        """Empty where it is no JSON object of texts, each with a name of its own."""
        try:
            pairs = _PAIRS.decode((self.record.value or b"").decode())
        except ValueError:
            return {}
        if not isinstance(pairs, list) or not all(isinstance(p, tuple) and isinstance(p[1], str) for p in pairs):
            return {}
        value = dict(pairs)
        return value if len(value) == len(pairs) else {}

    def is_that(self, expected: OutputRecord) -> bool:
        """Whether it has this key, this value, and these headers in whatever order."""
        headers = self.record.headers
        same_headers = headers == expected.headers or sorted(headers, key=str) == sorted(expected.headers, key=str)
        return same_headers and self.record.key == expected.key and self.value == expected.value


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a user's message, or with there being none."""

    invariant: str
    kind: Kind
    what: str


def fault_of(
    found: Message | None, user: User | None, verdict: Verdict | None, tick: Tick, limits: Limits
) -> Fault | None:
    """``user`` and ``verdict`` are None for somebody whom the shard does not know yet."""
    if user is None or verdict is None or verdict.reason != "eligible":
        reason = "unknown" if verdict is None else verdict.reason
        return Fault("I4", "wrong", f"has a message, but is {reason}") if found else None
    if found is None:
        return Fault("I3", "lost", f"has no message, but is eligible ({verdict.segment})")
    expected = message(user, verdict, tick, limits)
    return None if found.is_that(expected) else Fault("I3", "wrong", _difference(expected, found.record))


def _difference(expected: OutputRecord, record: InputRecord) -> str:
    return "; ".join(message_differences([expected], [record])) or "has a message that no reader can read"
