"""Deciding about many users at one tick."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from domain.cycles import Figures
from domain.decision_logic import Decision, evaluate_user_for_engagement
from domain.events import Tick
from domain.messages import EngagementMessage, generate_message, message_id
from domain.policy import Policy
from domain.users import Outcome, StoredUser


@dataclass(frozen=True, slots=True)
class DecidedChunk:
    """What becomes of a chunk of due users.

    ``users`` are as they are to be stored, and ``decisions`` belong to them one by one. ``figures`` are the tick's
    figures after this chunk; ``counters`` says by how much the number of users stored with an outcome has changed.
    """

    users: list[StoredUser]
    decisions: list[Decision]
    messages: list[EngagementMessage]
    figures: Figures
    counters: dict[Outcome, int]


def decide_chunk(users: Sequence[StoredUser], tick: Tick, policy: Policy, figures: Figures) -> DecidedChunk:
    """Evaluate due users at the tick's time; ``figures`` are those before, in which each user counts as stored."""
    decisions = [evaluate_user_for_engagement(stored.user, tick.at, policy) for stored in users]
    pairs = list(zip(users, decisions, strict=True))
    changes = dict.fromkeys(Figures.__slots__, 0)
    counters = dict.fromkeys(Outcome, 0)
    for stored, decision in pairs:
        changes[stored.outcome] -= 1
        changes[decision.segment or decision.reason] += 1
        counters[stored.outcome] -= 1
        counters[decision.outcome_after] += 1
    return DecidedChunk(
        users=[_after(stored, decision, tick) for stored, decision in pairs],
        decisions=decisions,
        messages=[message for pair in pairs if (message := _message(*pair, tick)) is not None],
        figures=figures.plus(**changes),
        counters=counters,
    )


def _after(stored: StoredUser, decision: Decision, tick: Tick) -> StoredUser:
    user = replace(stored.user, last_messaged=tick.at) if decision.eligible else stored.user
    return StoredUser(user, decision.outcome_after, decision.wake_at)


def _message(stored: StoredUser, decision: Decision, tick: Tick) -> EngagementMessage | None:
    if decision.segment is None or decision.tone is None:
        return None
    user = stored.user
    return EngagementMessage(
        message_id=message_id(user.user_id, tick.at),
        user_id=user.user_id,
        content=generate_message(decision.tone, user.name),
        segment=decision.segment,
        tone=decision.tone,
        tick_id=tick.tick_id,
        decided_at=tick.at,
    )
