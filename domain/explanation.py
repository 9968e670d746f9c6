"""Why the last tick messaged a user or didn't, and when they can next be messaged: for people and for programs."""

from datetime import datetime, timedelta
from typing import Any

from domain.cycles import Cycle
from domain.decision_logic import is_user_inactive
from domain.known_user import (
    KnownUser,
    LoggedMessage,
    TickAccount,
    TickOutcome,
    account_of,
    next_possible_at,
    user_as_of,
)
from domain.messages import message_id
from domain.policy import Policy
from domain.segmentation import calculate_days_since_activity
from domain.times import format_time
from domain.users import MICROSECOND, Outcome

_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_UNITS = (
    (_DAY, "days"),
    (_HOUR, "h"),
    (timedelta(minutes=1), "min"),
    (timedelta(seconds=1), "s"),
    (timedelta(milliseconds=1), "ms"),
    (MICROSECOND, "µs"),
)


def user_record(known: KnownUser, policy: Policy) -> dict[str, Any]:
    """What is known of the user, for programs. Times as everywhere; ``last_tick`` is null before the first cycle."""
    user = known.user
    return {
        "user_id": user.user_id,
        "name": user.name,
        "shard": known.shard,
        "created_at": format_time(user.created_at),
        "last_active": format_time(user.last_active),
        "last_messaged": _optional(user.last_messaged),
        "last_tick": None if known.last_cycle is None else _tick_record(known, known.last_cycle, policy),
        "next_possible_at": _optional(next_possible_at(user, policy)),
        "explanation": explain(known, policy),
    }


def explain(known: KnownUser, policy: Policy) -> str:
    """The same in a few sentences for people."""
    sentences = [_about_last_tick(known, policy)]
    sentences += _about_left_out_shards(known, policy)
    sentences += _about_later_tick(known)
    sentences.append(_about_next(known, policy))
    sentences += _about_halted_shard(known)
    return " ".join(sentences)


def duration_text(length: timedelta) -> str:
    """A length, not negative, cut off to its two largest units: ``5 days 3 h``; below two days hours: ``24 h``."""
    largest = next((n for n, (unit, _) in enumerate(_UNITS) if length >= (2 * _DAY if unit == _DAY else unit)), None)
    if largest is None:
        return "0 s"
    parts = []
    for unit, name in _UNITS[largest : largest + 2]:
        count, length = divmod(length, unit)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts)


def moment_text(at: datetime) -> str:
    """A time as people write it: ``2026-11-22 10:00:00 UTC``, with decimals only where there are any."""
    return f"{at.replace(tzinfo=None).isoformat(sep=' ')} UTC"


def _tick_record(known: KnownUser, cycle: Cycle, policy: Policy) -> dict[str, Any]:
    account = account_of(known, cycle, policy)
    message = None if account.logged is None else account.logged.message
    messaged = account.outcome is TickOutcome.MESSAGED
    return {
        "tick_id": cycle.tick_id,
        "at": format_time(cycle.at),
        "outcome": str(account.outcome),
        "reason": account.reason,
        "segment": None if message is None else str(message.segment),
        "tone": None if message is None else str(message.tone),
        "message_id": message_id(known.user.user_id, cycle.at) if messaged else None,
        "content": None if message is None else message.content,
        "status": None if account.logged is None else account.logged.status,
    }


def _about_last_tick(known: KnownUser, policy: Policy) -> str:
    cycle, who = known.last_cycle, _who(known)
    if cycle is None:
        return f"No cycle has ended yet, so nothing is decided about {who}."
    account = account_of(known, cycle, policy)
    at_tick = f"At the last tick, {moment_text(cycle.at)}, {who}"
    match account.outcome:
        case TickOutcome.MESSAGED:
            return f"{at_tick} got {_message(account.logged)}{_silence_before(known, cycle, policy)}."
        case TickOutcome.SKIPPED:
            return f"{at_tick} got no message: {_why_skipped(known, cycle, account, policy)}."
        case TickOutcome.NOT_SEEN_YET:
            return f"{_capital(who)} was first seen after the last tick, {moment_text(cycle.at)}."
        case TickOutcome.LEFT_OUT:
            return f"The last tick, {moment_text(cycle.at)}, was left out for a newer one: nobody was evaluated."
        case TickOutcome.UNDETERMINED:
            return (
                f"{at_tick} got no message, although by what is known today the rules gave them one"
                f"{_silence_before(known, cycle, policy)}. Either the thresholds were others then, or an event from"
                " before the tick came after it, or their shard left the tick out."
            )


def _who(known: KnownUser) -> str:
    user = known.user
    return f"user {user.user_id}" if user.name is None else f"user {user.user_id} ({user.name})"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _message(logged: LoggedMessage | None) -> str:
    if logged is None:
        return "a message, which the log holds no more"
    message = logged.message
    published = "" if logged.status == "sent" else ", decided and not published yet"
    return f"“{message.content}” ({message.segment}, {message.tone}{published})"


def _silence_before(known: KnownUser, cycle: Cycle, policy: Policy) -> str:
    if not is_user_inactive(known.user, cycle.at, policy):
        return ""  # they have come back since, and what was before that is not kept
    idle = calculate_days_since_activity(known.user, cycle.at)
    threshold = duration_text(policy.inactivity_threshold)
    return f": silent for {_compared(idle, policy.inactivity_threshold)}, and the threshold is {threshold}"


def _why_skipped(known: KnownUser, cycle: Cycle, account: TickAccount, policy: Policy) -> str:
    user = user_as_of(known, cycle.at)
    if account.reason == Outcome.RECENTLY_MESSAGED and user.last_messaged is not None:
        since = _compared(cycle.at - user.last_messaged, policy.message_frequency)
        return (
            f"the one before was {since} earlier, and the frequency is one in {duration_text(policy.message_frequency)}"
        )
    idle = calculate_days_since_activity(user, cycle.at)
    threshold = duration_text(policy.inactivity_threshold)
    if idle >= timedelta(0):
        return f"silent for {_compared(idle, policy.inactivity_threshold)}, and up to {threshold} count as active"
    return f"they were active {duration_text(-idle)} after it, and what they had done before is not kept"


def _compared(length: timedelta, threshold: timedelta) -> str:
    """The length, told apart from a threshold that reads the same."""
    text = duration_text(length)
    if length == threshold or text != duration_text(threshold):
        return text
    return f"just {'over' if length > threshold else 'under'} {text}"


def _about_left_out_shards(known: KnownUser, policy: Policy) -> list[str]:
    cycle = known.last_cycle
    if cycle is None or cycle.coalesced == 0 or cycle.evaluated == 0:
        return []
    if account_of(known, cycle, policy).outcome is TickOutcome.MESSAGED:
        return []
    shards = cycle.evaluated + cycle.coalesced
    return [f"{cycle.coalesced} of {shards} shards left that tick out for a newer one; theirs may be one of them."]


def _about_later_tick(known: KnownUser) -> list[str]:
    at = known.user.last_messaged
    if at is None or (known.last_cycle is not None and at <= known.last_cycle.at):
        return []
    return [f"The tick of {moment_text(at)}, whose cycle has not ended yet, gave them a message."]


def _about_halted_shard(known: KnownUser) -> list[str]:
    if known.halted_reason is None:
        return []
    return [
        f"But their shard, {known.shard}, is halted ({known.halted_reason}): no tick evaluates them until it goes on."
    ]


def _about_next(known: KnownUser, policy: Policy) -> str:
    at, cycle = next_possible_at(known.user, policy), known.last_cycle
    if at is None:
        return "If they stay silent, no tick before the year 10000 messages them."
    if cycle is not None and at <= cycle.at:
        return "If they stay silent, the next tick messages them."
    return f"If they stay silent, the first tick from {moment_text(at)} on messages them."


def _optional(at: datetime | None) -> str | None:
    return None if at is None else format_time(at)
