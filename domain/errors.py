"""Errors, each named for what its catcher must do."""

from typing import Literal, get_args

Reason = Literal[
    "null_value",
    "too_large",
    "bad_json",
    "missing_field",
    "invalid_field",
    "unknown_type",
    "key_mismatch",
    "future_time",
]
"""Why an input record can't be used. Where several reasons apply, the first in this order counts."""
REASONS: tuple[Reason, ...] = get_args(Reason)


class EngagementError(Exception):
    """Base of every error that the project raises on purpose."""


class OwnershipLostError(EngagementError):
    """Another worker owns the shard, or its stored position is not the one held: drop the work, take over anew."""


class PositionGoneError(OwnershipLostError):
    """The shard's position is not in the log: take the shard over anew, which finds out whether records were lost."""

    def __init__(self, shard: int, position: int) -> None:
        super().__init__(f"position {position} of shard {shard} is not in the log")
        self.shard = shard
        self.position = position


class ShardHaltedError(EngagementError):
    """The shard can't keep its promises without an operator's decision: leave it alone until one is made."""

    def __init__(self, shard: int, reason: str) -> None:
        super().__init__(f"shard {shard} is halted: {reason}")
        self.shard = shard
        self.reason = reason


class MarkerUnreadableError(EngagementError):
    """The shard's last marker is not a sequence: nobody can tell what is published, so the shard must be halted."""

    def __init__(self, shard: int, offset: int) -> None:
        super().__init__(f"the marker of shard {shard} at offset {offset} of the progress topic is not a sequence")
        self.shard = shard
        self.offset = offset


class ShardUnknownError(EngagementError):
    """The shard has no row yet, because the progress topic has no partition for it: try again later."""


class TransientError(EngagementError):
    """Kafka or Postgres did not do what was asked in time: whatever was under way is repeated from stored state."""


class RefusedWriteError(TransientError):
    """Postgres answers, and writes nothing for now (a full disk, a read-only server): no restart of ours could help."""


class MisconfiguredError(EngagementError):
    """The surroundings don't fit (missing topic, right or schema): the message names what and the remedy."""


class StuckError(EngagementError):
    """There is work, everything answers, and yet nothing moves: the process must be started again."""


class RejectedRecordError(EngagementError):
    """An input record can't be used: it becomes a dead letter, and its shard goes on.

    ``detail`` says which field and what was wrong, and never holds the input itself.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
