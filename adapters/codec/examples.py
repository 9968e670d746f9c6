"""One example of each payload, for the schemas and the documents."""

from typing import Any

_TICK = "2026-11-22T10:00:00Z"
_MESSAGE_ID = "201e8619-5dab-57ea-8562-40423e86f443"
_DECIDED_AT = "2026-11-22T10:00:00.000000Z"
_MESSAGE_TYPE = "CLIENT_ENGAGEMENT_BRAND"
_BY_SEGMENT = {"dormant": 5, "new_user": 2, "normal": 1}

USER_ACTIVE: dict[str, Any] = {"type": "user.active", "user_id": "12", "occurred_at": "2026-11-17T10:00:00Z"}
USER_REGISTERED: dict[str, Any] = {
    "type": "user.registered",
    "user_id": "12",
    "name": "Ghost Gary",
    "occurred_at": "2026-10-01T08:00:00Z",
}
TICK: dict[str, Any] = {"type": "engagement.tick", "tick_id": _TICK, "at": _TICK}
MESSAGE: dict[str, Any] = {
    "message_id": _MESSAGE_ID,
    "type": _MESSAGE_TYPE,
    "user_id": "12",
    "content": "Hey Ghost Gary, we miss you! 😉",
    "segment": "dormant",
    "tone": "playful",
    "reason": "eligible",
    "tick_id": _TICK,
    "decided_at": _DECIDED_AT,
}
MESSAGE_HEADERS: dict[str, Any] = {
    "ce_specversion": "1.0",
    "ce_id": _MESSAGE_ID,
    "ce_type": _MESSAGE_TYPE,
    "ce_source": "/engagement-decision-engine",
    "ce_time": _DECIDED_AT,
    "content-type": "application/json",
}
CYCLE: dict[str, Any] = {
    "status": "Cycle complete",
    "total_users": 15,
    "messages_sent": 8,
    "users_skipped": 7,
    "segment_breakdown": _BY_SEGMENT,
    "detailed_stats": {
        "total_users": 15,
        "eligible": 8,
        "skipped": 7,
        "by_segment": _BY_SEGMENT,
        "skip_reasons": {"active": 4, "recently_messaged": 3},
    },
    "tick_id": _TICK,
    "at": _DECIDED_AT,
    "shards": {"evaluated": 4, "coalesced": 0},
}
DEAD_LETTER_HEADERS: dict[str, Any] = {
    "engagement.error.reason": "invalid_field",
    "engagement.error.detail": "user_id: must be a string of 1 to 128 characters without control characters",
    "engagement.error.topic": "user-activity",
    "engagement.error.partition": "3",
    "engagement.error.offset": "41",
    "engagement.error.timestamp": "1795341600000",
}
