"""The engagement messages: their texts and their identity."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from domain.records import OutgoingRecord
from domain.segmentation import Segment, Tone
from domain.times import format_time

MESSAGE_TYPE = "CLIENT_ENGAGEMENT_BRAND"
NAME_OF_THE_UNKNOWN = "there"
_NAMESPACE = uuid5(NAMESPACE_URL, "urn:engagement-decision-engine:message")
_TEMPLATES = {
    Tone.PLAYFUL: ("Hey ", ", we miss you! 😉"),
    Tone.WARM: ("Welcome, ", "! We're so glad you're here! 🌟"),
    Tone.NEUTRAL: ("Hi ", ", just checking in! 👋"),
}


@dataclass(frozen=True, slots=True)
class EngagementMessage:
    """One message to one user, decided at the tick of time ``decided_at``."""

    message_id: UUID
    user_id: str
    content: str
    segment: Segment
    tone: Tone
    tick_id: str
    decided_at: datetime


EncodeMessage = Callable[[EngagementMessage], OutgoingRecord]
"""Makes the record that publishes a message."""


def generate_message(tone: Tone, name: str | None) -> str:
    """The text in the given tone. The name is put in as it is, never interpreted; without one, "there" stands in."""
    before, after = _TEMPLATES[tone]
    return f"{before}{name or NAME_OF_THE_UNKNOWN}{after}"


def message_id(user_id: str, decided_at: datetime) -> UUID:
    """The identity of the decision: the same user at the same tick time always gets the same id (UUIDv5)."""
    return uuid5(_NAMESPACE, f"{format_time(decided_at)}/{user_id}")
