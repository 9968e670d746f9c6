"""What lies in Postgres: the tables as they are, read with plain statements; times are microseconds since 1970."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import asyncpg

from tests.fault.soak.checker.history import ShardState, UserState
from tests.oracle import microseconds

Row = TypeVar("Row")

_SHARD_STATES = "SELECT shard, epoch, position, tick_cursor, decided, confirmed FROM engagement.shard ORDER BY shard"
_USER_STATES = """
SELECT user_id, shard, last_active, last_messaged FROM engagement.users WHERE user_id = ANY($1) ORDER BY user_id
"""


@dataclass(frozen=True, slots=True)
class UserRow:
    user_id: str
    shard: int
    outcome: str
    first_seen: int
    last_active: int
    registered_at: int | None
    last_messaged: int | None
    name: str | None


@dataclass(frozen=True, slots=True)
class ShardRow:
    shard: int
    position: int
    decided: int
    confirmed: int
    active: int
    recently_messaged: int
    begun_offset: int | None
    halted_reason: str | None


@dataclass(frozen=True, slots=True)
class MoveRow:
    shard: int
    outcome: str
    change: int


@dataclass(frozen=True, slots=True)
class TickRow:
    tick_offset: int
    verdict: str
    tick_id: str | None
    at: int | None
    shards: int
    evaluated: int
    coalesced: int
    active: int
    recently_messaged: int
    dormant: int
    new_user: int
    normal: int
    ended_at: int | None


@dataclass(frozen=True, slots=True)
class MessageRow:
    message_id: str
    user_id: str
    content: str
    segment: str
    tone: str
    tick_id: str
    decided_at: int
    status: str


@dataclass(frozen=True, slots=True)
class Tables:
    """``outbox``: the number of entries; ``tick_next``: up to where the tick topic is judged."""

    users: list[UserRow]
    shards: list[ShardRow]
    moves: list[MoveRow]
    ticks: list[TickRow]
    messages: list[MessageRow]
    outbox: int
    tick_next: int


async def tables_of(connection: "asyncpg.Connection[asyncpg.Record]") -> Tables:
    """Read everything, in one transaction."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        return Tables(
            await _rows(connection, UserRow, "users"),
            await _rows(connection, ShardRow, "shard"),
            await _rows(connection, MoveRow, "move"),
            await _rows(connection, TickRow, "tick"),
            await _rows(connection, MessageRow, "message_log"),
            await connection.fetchval("SELECT count(*) FROM engagement.outbox"),
            await connection.fetchval("SELECT tick_next FROM engagement.deployment"),
        )


async def states_of(
    connection: "asyncpg.Connection[asyncpg.Record]", users: Sequence[str]
) -> tuple[tuple[ShardState, ...], tuple[UserState, ...]]:
    """The rows of all shards and of these users, at one moment, for a ``Snapshot``."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        shards = await connection.fetch(_SHARD_STATES)
        rows = await connection.fetch(_USER_STATES, list(users))
    return (
        tuple(ShardState(**dict(row)) for row in shards),
        tuple(UserState(**{name: _plain(value) for name, value in row.items()}) for row in rows),
    )


async def _rows(connection: "asyncpg.Connection[asyncpg.Record]", kind: type[Row], table: str) -> list[Row]:
    columns = ", ".join(kind.__annotations__)
    rows = await connection.fetch(f"SELECT {columns} FROM engagement.{table}")  # noqa: S608 - our own names
    return [kind(**{name: _plain(value) for name, value in row.items()}) for row in rows]


def _plain(value: object) -> Any:
    if isinstance(value, datetime):
        return microseconds(value)
    return str(value) if isinstance(value, UUID) else value
