"""What the owner of a shard does with its store, one transaction each."""

from dataclasses import replace
from datetime import datetime
from functools import partial

import asyncpg

from adapters.codec import encode_message
from domain.chunks import decide_chunk
from domain.cycles import Figures
from domain.events import Activity
from domain.ownership import Ownership
from domain.policy import Policy
from domain.ports import Store
from domain.users import MICROSECOND, Outcome, StoredUser
from tests.builders import PRODUCTION, changes, tick
from tests.fakes.tables import ConstraintViolatedError

_ENCODE = partial(encode_message, topic="messages", event_source="/tests")
# Nobody stays active.
_IMPATIENT = replace(PRODUCTION, inactivity_threshold=MICROSECOND)
# How the stores say that rows would contradict each other: a defect of the caller, nothing to be caught.
CONSTRAINT_ERRORS = (asyncpg.IntegrityConstraintViolationError, ConstraintViolatedError)


async def take_in(
    store: Store, ownership: Ownership, *events: Activity, policy: Policy = PRODUCTION
) -> tuple[int, int]:
    """Apply the events; returns the counters afterwards."""
    async with store.transaction(ownership) as write:
        await write.apply_activity(changes(*events), policy)
        await write.commit()
        return write.state.active, write.state.recently_messaged


async def due(store: Store, ownership: Ownership, at: datetime, limit: int = 100) -> list[StoredUser]:
    """Who is due, unless they were active in this very microsecond, ordered by id; nothing is changed."""
    async with store.transaction(ownership) as write:
        return (await write.due_users(at, _IMPATIENT, limit)).users


async def due_by_id(store: Store, ownership: Ownership, at: datetime) -> dict[str, StoredUser]:
    """The same users by id."""
    return {stored.user.user_id: stored for stored in await due(store, ownership, at)}


async def message_all(store: Store, ownership: Ownership, at: datetime, *, policy: Policy = PRODUCTION) -> None:
    """Evaluate a tick's due users, and store what was decided."""
    async with store.transaction(ownership) as write:
        found = await write.due_users(at, policy, 1000)
        assert found.last
        chunk = decide_chunk(found.users, tick(at).tick, policy, Figures(), _ENCODE)
        await write.write_skipped(chunk.skipped)
        messages = [message for message, _ in chunk.messages]
        await write.write_messaged(messages, chunk.messageable_at)
        await write.log_messages(messages)
        state = write.state
        write.state = replace(
            state,
            active=state.active + chunk.counters[Outcome.ACTIVE],
            recently_messaged=state.recently_messaged + chunk.counters[Outcome.RECENTLY_MESSAGED],
        )
        await write.commit()
