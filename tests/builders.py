"""Values with defaults, so that a test shows only what matters to it."""

from datetime import UTC, datetime, timedelta

from adapters.codec import Limits, decode_activity, read_ordinary
from domain.events import Activity, Tick
from domain.messages import EngagementMessage, generate_message, message_id
from domain.policy import Policy
from domain.records import InputRecord
from domain.segmentation import Segment, Tone
from domain.ticks import UsableTick
from domain.users import ActivityChange, coalesce

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
PRODUCTION = Policy(DAY, DAY, 3 * DAY, DAY)


def activity(user_id: str, occurred_at: datetime = NOON, name: str | None = None) -> Activity:
    """An event; with a name, a registration."""
    return Activity(user_id, occurred_at, name)


def changes(*events: Activity) -> list[ActivityChange]:
    """One change per user, as the store takes them."""
    return coalesce(events)


def read_activity(record: InputRecord, limits: Limits) -> Activity:
    """The record as the engine reads it: the short way where it can be taken. Raises RejectedRecordError."""
    seen = list(read_ordinary([record], limits, []))
    return Activity(*seen[0]) if seen else decode_activity(record, limits)


def tick(at: datetime, offset: int = 0) -> UsableTick:
    """A usable tick."""
    return UsableTick(offset, Tick(f"tick at {at:%d %H:%M}", at))


def message(user_id: str, at: datetime) -> EngagementMessage:
    """A message decided at ``at``."""
    content = generate_message(Tone.PLAYFUL, user_id)
    return EngagementMessage(
        message_id(user_id, at), user_id, content, Segment.DORMANT, Tone.PLAYFUL, f"tick at {at:%d %H:%M}", at
    )
