"""Which kind of user an eligible one is, and the tone that kind is addressed in."""

from datetime import datetime, timedelta
from enum import StrEnum

from domain.policy import Policy
from domain.users import User


class Segment(StrEnum):
    """The kinds of eligible users."""

    DORMANT = "dormant"
    NEW_USER = "new_user"
    NORMAL = "normal"


class Tone(StrEnum):
    """How a message addresses its user."""

    PLAYFUL = "playful"
    WARM = "warm"
    NEUTRAL = "neutral"


_TONES = {Segment.DORMANT: Tone.PLAYFUL, Segment.NEW_USER: Tone.WARM, Segment.NORMAL: Tone.NEUTRAL}


def calculate_days_since_activity(user: User, at: datetime) -> timedelta:
    """How long the user has been silent: exact, negative where the last activity is after ``at``."""
    return at - user.last_active


def calculate_account_age_days(user: User, at: datetime) -> timedelta:
    """How long the account has existed: exact, negative where it was created after ``at``."""
    return at - user.created_at


def determine_user_segment(user: User, at: datetime, policy: Policy) -> Segment:
    """``dormant`` after the dormant threshold of silence; else ``new_user`` below the new-user age; else ``normal``."""
    if calculate_days_since_activity(user, at) >= policy.dormant_threshold:
        return Segment.DORMANT
    if calculate_account_age_days(user, at) < policy.new_user_threshold:
        return Segment.NEW_USER
    return Segment.NORMAL


def get_tone_for_segment(segment: Segment) -> Tone:
    """The tone in which users of the segment are addressed."""
    return _TONES[segment]
