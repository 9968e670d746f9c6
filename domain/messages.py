"""The engagement messages: their texts and their identity."""

from collections.abc import Callable
from datetime import datetime
from hashlib import sha1
from uuid import NAMESPACE_URL, uuid5

from domain.records import OutgoingRecord
from domain.segmentation import Segment, Tone
from domain.times import format_time
from domain.values import value

MESSAGE_TYPE = "CLIENT_ENGAGEMENT_BRAND"
NAME_OF_THE_UNKNOWN = "there"
_NAMESPACE = uuid5(NAMESPACE_URL, "urn:engagement-decision-engine:message").bytes
# By a half byte, the same one with the variant's two bits in place of its first two.
_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
_TEMPLATES = {
    Tone.PLAYFUL: ("Hey ", ", we miss you! 😉"),
    Tone.WARM: ("Welcome, ", "! We're so glad you're here! 🌟"),
    Tone.NEUTRAL: ("Hi ", ", just checking in! 👋"),
}


@value
class EngagementMessage:
    """One message to one user, decided at the tick of time ``decided_at``."""

    message_id: str
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


def message_id(user_id: str, decided_at: datetime) -> str:
    """The identity of the decision: the same user at the same tick time always gets the same id.

    It is the UUIDv5 (RFC 9562, section 5.5) of the text `decided_at/user_id`. The standard library makes the same one,
    and takes four times as long for its object and the text of it.
    """
    name = f"{format_time(decided_at)}/{user_id}".encode()
    digest = sha1(_NAMESPACE + name, usedforsecurity=False).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{_VARIANT[digest[16]]}{digest[17:20]}-{digest[20:32]}"
