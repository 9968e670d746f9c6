"""One user as the state has them: what became of them at the last tick, and when they can next be messaged.

The state keeps no decision but messages. So the reason for which a user was skipped is what the rules say today of the
tick's time, and where that can't be what happened, nothing is claimed.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from domain.cycles import Cycle
from domain.decision_logic import ELIGIBLE, evaluate_user_for_engagement
from domain.messages import EngagementMessage
from domain.policy import Policy
from domain.users import User, wake_when_active, wake_when_messaged


class TickOutcome(StrEnum):
    """What is known of a user at a tick.

    ``NOT_SEEN_YET``: the user's first event is later than the tick. ``LEFT_OUT``: all shards left the tick out for a
    newer one. ``UNDETERMINED``: no message, though the rules say of what is known today that there should be one.
    """

    MESSAGED = "messaged"
    SKIPPED = "skipped"
    NOT_SEEN_YET = "not_seen_yet"
    LEFT_OUT = "left_out"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True, slots=True)
class LoggedMessage:
    """An entry of the message log. ``status``: ``decided``, or ``sent`` once it is committed to Kafka."""

    message: EngagementMessage
    status: str


@dataclass(frozen=True, slots=True)
class KnownUser:
    """A user, and what else the state held at the same moment.

    ``last_cycle`` is the ended one of the latest time. ``messages`` are, in the order of their times, the user's last
    one and the last one as of that cycle's tick, as far as the log still has them; mostly they are the same.
    """

    user: User
    shard: int
    halted_reason: str | None
    last_cycle: Cycle | None
    messages: tuple[LoggedMessage, ...]


@dataclass(frozen=True, slots=True)
class TickAccount:
    """What is known of a user at one tick.

    ``reason`` is set where the user was messaged or skipped, ``logged`` where they were messaged and the log still has
    the message.
    """

    outcome: TickOutcome
    reason: str | None = None
    logged: LoggedMessage | None = None


def account_of(known: KnownUser, cycle: Cycle, policy: Policy) -> TickAccount:
    """What is known of the user at the tick of the last cycle."""
    if known.user.last_messaged == cycle.at or message_at(known, cycle.at) is not None:
        return TickAccount(TickOutcome.MESSAGED, ELIGIBLE, message_at(known, cycle.at))
    if cycle.evaluated == 0:
        return TickAccount(TickOutcome.LEFT_OUT)
    if known.user.first_seen > cycle.at:
        return TickAccount(TickOutcome.NOT_SEEN_YET)
    decision = evaluate_user_for_engagement(user_as_of(known, cycle.at), cycle.at, policy)
    if decision.eligible:
        return TickAccount(TickOutcome.UNDETERMINED)
    return TickAccount(TickOutcome.SKIPPED, decision.reason)


def message_at(known: KnownUser, at: datetime) -> LoggedMessage | None:
    """The user's message of the tick of this time, if the log has one."""
    return next((logged for logged in known.messages if logged.message.decided_at == at), None)


def user_as_of(known: KnownUser, at: datetime) -> User:
    """The user without the message of a later tick, which gave it while its own cycle has not ended."""
    user = known.user
    if user.last_messaged is None or user.last_messaged <= at:
        return user
    earlier = [logged.message.decided_at for logged in known.messages if logged.message.decided_at <= at]
    return replace(user, last_messaged=max(earlier, default=None))


def next_possible_at(user: User, policy: Policy) -> datetime | None:
    """The earliest time of a tick that gives the user a message if they stay silent; None: not before the year 10000.

    It may lie in the past: then the next tick does.
    """
    at = wake_when_active(user.last_active, policy)
    if user.last_messaged is not None:
        at = max(at, wake_when_messaged(user.last_messaged, policy))
    # A sum beyond the last moment there is became that moment, which is too early.
    return at if evaluate_user_for_engagement(user, at, policy).eligible else None
