"""Other sessions are in the way of a worker: what was begun is given up as a whole, and done again."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from tests.campaigns.outage_scene import Scene, last_day, scene
from tests.conditions import eventually
from tests.harness.temporary import Services
from tests.harness.waiting import SECONDS
from tests.sql import execute

_WAITING = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
_ERRORS = ("DeadlockDetectedError", "SerializationError", "LockNotAvailableError", "QueryCanceledError")


async def run(services: Services, _rng: random.Random) -> list[str]:
    """Five days; from the second to the fourth the worker meets each of the errors."""
    async with scene(services, "contention") as each:
        await _set(each, "deadlock_timeout = '4s'")
        await each.start()
        await each.produce(1)
        await each.ends(1)
        for day, meet in enumerate((_deadlock, _overtake, _hold_shards), start=2):
            await meet(each, day)
            await each.ends(day)
        wrong = await last_day(5, each)
        met = _reasons(each)
        return wrong + [f"{error} was not met, but {met}" for error in _ERRORS if error not in met]


async def _deadlock(each: Scene, day: int) -> None:
    """Another session has users and wants the shards. It is more patient, so the server makes the worker give in."""
    async with _session(each) as other:
        await other.execute("SET deadlock_timeout = '60s'; BEGIN; SELECT FROM users FOR UPDATE")
        await each.produce(day)
        await _until_blocked(each)
        await other.execute("SELECT FROM shard FOR UPDATE")


async def _overtake(each: Scene, day: int) -> None:
    """Where an operator made transactions repeatable, one that is overtaken by another must begin anew."""
    await _set(each, "default_transaction_isolation = 'repeatable read'")
    async with _session(each) as other:
        await other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await other.execute("BEGIN ISOLATION LEVEL READ COMMITTED; UPDATE users SET name = name")
        await each.produce(day)
        await _until_blocked(each)
        await other.execute("COMMIT")


async def _hold_shards(each: Scene, day: int) -> None:
    """Another session keeps the shards for longer than the worker waits; one wait a person cancels."""
    async with _session(each) as other, _session(each) as person:
        await other.execute("BEGIN; SELECT FROM shard FOR UPDATE")
        await each.produce(day)
        await _until_blocked(each)
        await person.execute(f"SELECT pg_cancel_backend(pid) {_WAITING}")

        async def waited_for_too_long() -> None:
            assert "LockNotAvailableError" in _reasons(each)

        await eventually(waited_for_too_long, SECONDS)


async def _until_blocked(each: Scene) -> None:
    """Wait until a session of the worker waits for another's lock."""
    async with _session(each) as watching:

        async def one_waits() -> None:
            assert await watching.fetch(f"SELECT pid {_WAITING}")

        await eventually(one_waits, SECONDS)


def _reasons(each: Scene) -> str:
    """What the worker said of its failures: of a shard that it had, and of one that it could not take."""
    interrupted = [event["reason"] for event in each.worker.events("shard_interrupted")]
    return str(interrupted + [event["caused_by"] for event in each.worker.events("stamina.retry_scheduled")])


async def _set(each: Scene, setting: str) -> None:
    """For the sessions to come."""
    database = each.deployment.dsn.rpartition("/")[2]
    await execute(each.deployment.dsn, f'ALTER DATABASE "{database}" SET {setting}')


@asynccontextmanager
async def _session(each: Scene) -> AsyncIterator[asyncpg.Connection]:
    """A session of somebody else; what it has not committed goes with it."""
    connection = await asyncpg.connect(each.deployment.dsn, server_settings={"search_path": "engagement"})
    try:
        yield connection
    finally:
        await connection.close()
