"""The thresholds that the trace is played under."""

from dataclasses import dataclass, field

from tests.oracle import DEFAULT_THRESHOLDS, HOUR, SKIP_REASONS, TONES, Thresholds


@dataclass(frozen=True, slots=True)
class TracePolicy:
    """``variables`` are the settings and ``thresholds`` the same values for the oracle.

    ``outcomes`` are the segments and skip reasons that must occur, so that no campaign passes by showing nothing.
    """

    name: str
    variables: dict[str, str] = field(default_factory=dict)
    thresholds: Thresholds = DEFAULT_THRESHOLDS
    outcomes: frozenset[str] = frozenset()


POLICIES = {
    policy.name: policy
    for policy in (
        # With ticks a day apart nobody is messaged twice within 24 hours, and whoever was silent for a day is not new.
        TracePolicy("production", outcomes=frozenset({"active", "dormant", "normal"})),
        TracePolicy(
            "eager",
            {"INACTIVITY_THRESHOLD_SECONDS": "3600", "MESSAGE_FREQUENCY_HOURS": "36"},
            Thresholds(inactivity=HOUR, message_frequency=36 * HOUR),
            frozenset({*TONES, *SKIP_REASONS}),
        ),
    )
}
