"""Deciding about many users at one tick."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from domain.cycles import Figures
from domain.decision_logic import Decision, evaluate_user_for_engagement
from domain.events import Tick
from domain.messages import EncodeMessage, EngagementMessage, generate_message, message_id
from domain.policy import Policy
from domain.records import OutgoingRecord
from domain.times import later
from domain.users import MICROSECOND, Outcome, StoredUser


@dataclass(frozen=True, slots=True)
class Undecided:
    """A user about whom the rules could not decide: they have a defect that this user brings to light."""

    stored: StoredUser
    error: Exception


@dataclass(slots=True)
class DecidedChunk:
    """What becomes of a chunk of due users.

    ``users`` are as they are to be stored: first those decided, to whom ``decisions`` belong one by one, then those
    ``undecided``. ``messages`` come with the records that publish them. ``figures`` are the tick's figures after this
    chunk; ``counters`` says by how much the number of users stored with an outcome has changed.
    """

    users: list[StoredUser] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    undecided: list[Undecided] = field(default_factory=list)
    messages: list[tuple[EngagementMessage, OutgoingRecord]] = field(default_factory=list)
    figures: Figures = field(default_factory=Figures)
    counters: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))


def decide_chunk(
    users: Sequence[StoredUser], tick: Tick, policy: Policy, figures: Figures, encode: EncodeMessage
) -> DecidedChunk:
    """Evaluate due users at the tick's time; ``figures`` are those before, in which each user counts as stored.

    A rule, text or encoding that raises for one user costs that user this tick and nobody else anything: they stay as
    stored, and the next tick tries again.
    """
    chunk = DecidedChunk()
    changes = dict.fromkeys(Figures.__slots__, 0)
    for stored in users:
        try:
            decision, message = _decide(stored, tick, policy, encode)
        except Exception as error:  # noqa: BLE001 - whatever the defect is, it must not stop the shard
            chunk.undecided.append(Undecided(stored, error))
            continue
        chunk.users.append(_after(stored, decision, tick))
        chunk.decisions.append(decision)
        if message is not None:
            chunk.messages.append(message)
        changes[stored.outcome] -= 1
        changes[decision.segment or decision.reason] += 1
        chunk.counters[stored.outcome] -= 1
        chunk.counters[decision.outcome_after] += 1
    # Due again at the next tick, and no more at this one, which looks for due users until there are none.
    chunk.users += [replace(each.stored, wake_at=later(tick.at, MICROSECOND)) for each in chunk.undecided]
    chunk.figures = figures.plus(**changes)
    return chunk


def _decide(
    stored: StoredUser, tick: Tick, policy: Policy, encode: EncodeMessage
) -> tuple[Decision, tuple[EngagementMessage, OutgoingRecord] | None]:
    decision = evaluate_user_for_engagement(stored.user, tick.at, policy)
    message = _message(stored, decision, tick)
    return decision, None if message is None else (message, encode(message))


def _after(stored: StoredUser, decision: Decision, tick: Tick) -> StoredUser:
    user = stored.user.messaged(tick.at) if decision.eligible else stored.user
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
