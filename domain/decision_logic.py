"""Who gets a message at a tick: activity first, then frequency, then segment and tone."""

from collections.abc import Iterable
from datetime import datetime

from domain.cycles import Figures
from domain.policy import Policy
from domain.segmentation import (
    Segment,
    Tone,
    calculate_days_since_activity,
    determine_user_segment,
    get_tone_for_segment,
)
from domain.users import Outcome, User, wake_when_active, wake_when_messaged
from domain.values import value

ELIGIBLE = "eligible"


@value
class Decision:
    """The outcome for one user at one tick.

    ``segment`` and ``tone`` are set exactly when the user is eligible. ``reason`` is ``eligible`` or why the user is
    skipped. ``wake_at`` is the earliest moment at which the user's outcome can differ from ``outcome_after`` if
    nothing happens before: there is no need to look again earlier.
    """

    eligible: bool
    segment: Segment | None
    tone: Tone | None
    reason: str
    outcome_after: Outcome
    wake_at: datetime


def is_user_inactive(user: User, at: datetime, policy: Policy) -> bool:
    """Whether the user has been silent for longer than the inactivity threshold."""
    return calculate_days_since_activity(user, at) > policy.inactivity_threshold


def check_message_frequency(user: User, at: datetime, policy: Policy) -> bool:
    """Whether the user may be messaged: never messaged before, or at least the message frequency ago."""
    return user.last_messaged is None or at - user.last_messaged >= policy.message_frequency


def evaluate_user_for_engagement(user: User, at: datetime, policy: Policy) -> Decision:
    """Decide about one user at one tick, whose time ``at`` is the only "now"."""
    if not is_user_inactive(user, at, policy):
        wake_at = wake_when_active(user.last_active, policy)
        return _skipped(Outcome.ACTIVE, wake_at)
    if user.last_messaged is not None and not check_message_frequency(user, at, policy):
        wake_at = wake_when_messaged(user.last_messaged, policy)
        return _skipped(Outcome.RECENTLY_MESSAGED, wake_at)
    segment = determine_user_segment(user, at, policy)
    wake_at = wake_when_messaged(at, policy)
    # By position: names cost a third as much again.
    return Decision(True, segment, get_tone_for_segment(segment), ELIGIBLE, Outcome.RECENTLY_MESSAGED, wake_at)  # noqa: FBT003


def get_engagement_stats(users: Iterable[User], at: datetime, policy: Policy) -> Figures:
    """The plain count: every user evaluated one by one at ``at``. Cycles reach the same figures without it."""
    figures = Figures()
    for user in users:
        decision = evaluate_user_for_engagement(user, at, policy)
        figures = figures.plus(**{decision.segment or decision.reason: 1})
    return figures


def _skipped(outcome: Outcome, wake_at: datetime) -> Decision:
    return Decision(eligible=False, segment=None, tone=None, reason=outcome, outcome_after=outcome, wake_at=wake_at)
