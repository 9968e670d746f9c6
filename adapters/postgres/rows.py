"""Rows as domain values, and back."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from domain.cycles import Cycle, Figures
from domain.events import Tick
from domain.known_user import KnownUser, LoggedMessage
from domain.messages import EngagementMessage
from domain.ownership import BegunTick, ShardState
from domain.policy import Policy
from domain.segmentation import Segment, Tone
from domain.users import MICROSECOND, Outcome, StoredUser, User

Row = asyncpg.Record
# A third of what the class takes to find its member.
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}


def shard_state(row: Row) -> ShardState:
    """The shard's row."""
    policy = row["policy"]
    return ShardState(
        shard=row["shard"],
        epoch=row["epoch"],
        position=row["position"],
        tick_cursor=row["tick_cursor"],
        decided=row["decided"],
        confirmed=row["confirmed"],
        active=row["active"],
        recently_messaged=row["recently_messaged"],
        tick_due=row["tick_due"],
        policy=None if policy is None else policy_of(policy),
        begun=None if row["begun_offset"] is None else _begun_tick(row),
    )


def shard_values(state: ShardState) -> tuple[Any, ...]:
    """The arguments of the statement ``write_shard``."""
    begun = state.begun
    return (
        state.shard,
        state.position,
        state.tick_cursor,
        state.decided,
        state.confirmed,
        state.active,
        state.recently_messaged,
        None if state.policy is None else policy_values(state.policy),
        *((None,) * 6 if begun is None else _begun_values(begun)),
        state.tick_due,
    )


def policy_of(values: list[int]) -> Policy:
    """A policy from its four thresholds in microseconds."""
    return Policy(*(timedelta(microseconds=value) for value in values))


def policy_values(policy: Policy) -> list[int]:
    """The four thresholds in microseconds."""
    thresholds = (
        policy.inactivity_threshold,
        policy.message_frequency,
        policy.dormant_threshold,
        policy.new_user_threshold,
    )
    return [threshold // MICROSECOND for threshold in thresholds]


def stored_user(row: Row) -> StoredUser:
    """A user's row."""
    # By position: names cost half as much again.
    user = User(
        row["user_id"],
        time_of(row["first_seen"]),
        time_of(row["last_active"]),
        optional_time(row["registered_at"]),
        row["name"],
        optional_time(row["named_at"]),
        optional_time(row["last_messaged"]),
    )
    return StoredUser(user, _OUTCOMES[row["outcome"]], time_of(row["wake_at"]))


def cycle_of(row: Row) -> Cycle:
    """A usable tick's row as the cycle it stands for."""
    figures = Figures(*(row[name] for name in Figures.__slots__))
    return Cycle(row["tick_id"], time_of(row["at"]), row["evaluated"], row["coalesced"], figures)


def known_user(rows: Sequence[Row]) -> KnownUser:
    """The rows of the statement ``read_user``, of which there is one at least: they differ in the message only."""
    row = rows[0]
    return KnownUser(
        user=stored_user(row).user,
        shard=row["shard"],
        halted_reason=row["halted_reason"],
        last_cycle=None if row["at"] is None else cycle_of(row),
        messages=tuple(logged_message(row) for row in rows if row["message_id"] is not None),
    )


def logged_message(row: Row) -> LoggedMessage:
    """An entry of the message log; ``message_tick_id`` is its tick's id."""
    message = EngagementMessage(
        message_id=str(row["message_id"]),
        user_id=row["user_id"],
        content=row["content"],
        segment=Segment(row["segment"]),
        tone=Tone(row["tone"]),
        tick_id=row["message_tick_id"],
        decided_at=time_of(row["decided_at"]),
    )
    return LoggedMessage(message, row["status"])


def time_of(value: datetime) -> datetime:
    """The time, aware. asyncpg gives 'infinity' and '-infinity' as the last and first datetime without a zone."""
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


def optional_time(value: datetime | None) -> datetime | None:
    """The same for a time that may be absent."""
    return None if value is None else time_of(value)


def _begun_tick(row: Row) -> BegunTick:
    return BegunTick(
        offset=row["begun_offset"],
        tick=Tick(row["begun_tick_id"], time_of(row["begun_at"])),
        policy=policy_of(row["begun_policy"]),
        figures=Figures(*row["begun_figures"]),
        last_sequence=row["begun_last_sequence"],
    )


def _begun_values(begun: BegunTick) -> tuple[Any, ...]:
    return (
        begun.offset,
        begun.tick.tick_id,
        begun.tick.at,
        policy_values(begun.policy),
        list(begun.figures.as_tuple()),
        begun.last_sequence,
    )
