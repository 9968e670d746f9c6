"""Deciding about many users at one tick."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from domain.cycles import Figures
from domain.decision_logic import Decision, evaluate_user_for_engagement
from domain.events import Tick
from domain.messages import EncodeMessage, EngagementMessage, generate_message, message_id
from domain.policy import Policy
from domain.records import OutgoingRecord
from domain.times import later
from domain.users import MICROSECOND, Outcome, StoredUser, wake_when_messaged


@dataclass(frozen=True, slots=True)
class Undecided:
    """A user about whom the rules could not decide: they have a defect that this user brings to light.

    ``stored`` is as it was, but for the wake time.
    """

    stored: StoredUser
    error: Exception


@dataclass(slots=True)
class DecidedChunk:
    """What becomes of a chunk of due users.

    ``messages`` come with the records that publish them; their users may be messaged again at ``messageable_at``.
    ``skipped`` are as they are to be stored: the outcome is why. So are ``undecided``. ``made`` are the figures of
    those decided here, ``figures`` those of the tick after this chunk; ``counters`` says by how much the number of
    users stored with an outcome has changed.
    """

    messageable_at: datetime
    messages: list[tuple[EngagementMessage, OutgoingRecord]] = field(default_factory=list)
    skipped: list[StoredUser] = field(default_factory=list)
    undecided: list[Undecided] = field(default_factory=list)
    made: Figures = field(default_factory=Figures)
    figures: Figures = field(default_factory=Figures)
    counters: dict[Outcome, int] = field(default_factory=dict)


def decide_chunk(
    users: Sequence[StoredUser], tick: Tick, policy: Policy, figures: Figures, encode: EncodeMessage
) -> DecidedChunk:
    """Evaluate due users at the tick's time; ``figures`` are those before, in which each user counts as stored.

    A rule, text or encoding that raises for one user costs that user this tick and nobody else anything: they stay as
    stored, and the next tick tries again.
    """
    chunk = DecidedChunk(wake_when_messaged(tick.at, policy))
    before: list[str] = []
    for stored in users:
        try:
            decision = evaluate_user_for_engagement(stored.user, tick.at, policy)
            message = _message(stored, decision, tick)
            record = None if message is None else encode(message)
        except Exception as error:  # noqa: BLE001 - whatever the defect is, it must not stop the shard
            # Due again at the next tick, and no more at this one, which looks for due users until there are none.
            chunk.undecided.append(Undecided(replace(stored, wake_at=later(tick.at, MICROSECOND)), error))
            continue
        before.append(stored.outcome)
        if message is None or record is None:
            chunk.skipped.append(StoredUser(stored.user, decision.outcome_after, decision.wake_at))
        else:
            chunk.messages.append((message, record))
    _count(chunk, Counter(before), figures)
    return chunk


def _count(chunk: DecidedChunk, before: Counter[str], figures: Figures) -> None:
    """``before``: how many of those decided were stored with an outcome."""
    after: Counter[str] = Counter(stored.outcome for stored in chunk.skipped)
    made = after + Counter(message.segment for message, _ in chunk.messages)
    chunk.made = Figures(**made)
    made.subtract(before)
    chunk.figures = figures.plus(**made)
    after[Outcome.RECENTLY_MESSAGED] += len(chunk.messages)
    chunk.counters = {outcome: after[outcome] - before[outcome] for outcome in Outcome}


def _message(stored: StoredUser, decision: Decision, tick: Tick) -> EngagementMessage | None:
    if decision.segment is None or decision.tone is None:
        return None
    user = stored.user
    # By position: names cost a third as much again.
    return EngagementMessage(
        message_id(user.user_id, tick.at),
        user.user_id,
        generate_message(decision.tone, user.name),
        decision.segment,
        decision.tone,
        tick.tick_id,
        tick.at,
    )
