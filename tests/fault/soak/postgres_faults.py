"""Faults of Postgres and of its sessions."""

import os
import signal
import time
from contextlib import suppress
from functools import partial

import asyncpg
import stamina

from tests.fault.soak.scene import APPLICATION, MissedError, Scene, Strike, Struck
from tests.fault.soak.schedule import PlannedFault
from tests.harness.restartable import Outage

_LOCK_WAIT = "SET lock_timeout = '5s'"
_SLOWEST_SECONDS = 0.5
_RELOAD = "SELECT pg_reload_conf()"
_HEAL_SECONDS = 60.0
_MAY_PASS = (MissedError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)
_BACKENDS = """
    SELECT pid, state FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND application_name <> $1
    ORDER BY state = 'idle', pid
"""

# A statement on users or on a shard's row sleeps as long as the one row of this table says.
SLOWNESS = """
    CREATE SCHEMA soak;
    CREATE TABLE soak.slowness (seconds double precision NOT NULL);
    INSERT INTO soak.slowness VALUES (0);
    CREATE FUNCTION soak.dawdle() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_sleep(seconds) FROM soak.slowness WHERE seconds > 0;
        RETURN NULL;
    END $$;
    CREATE FUNCTION soak.be_slow(double precision) RETURNS void LANGUAGE sql
        AS 'UPDATE soak.slowness SET seconds = $1';
    CREATE TRIGGER dawdle AFTER INSERT OR UPDATE ON engagement.users EXECUTE FUNCTION soak.dawdle();
    CREATE TRIGGER dawdle AFTER UPDATE ON engagement.shard EXECUTE FUNCTION soak.dawdle();
"""


async def away(scene: Scene, planned: PlannedFault, *, outage: Outage) -> Struck:
    begun = time.monotonic()
    async with scene.postgres.away(outage):
        await scene.hold(planned)
    return Struck(begun, time.monotonic(), loses_commits=outage == "killed")


async def terminate(scene: Scene, planned: PlannedFault) -> Struck:
    """One of the engine's sessions, one that does something if there is one; or all of them."""
    async with scene.session() as session:
        pids = [row["pid"] for row in await session.fetch(_BACKENDS, APPLICATION)]
        if not pids:
            raise MissedError("nobody is connected")
        chosen = pids if planned.chance < 0.3 else pids[:1]
        begun = time.monotonic()
        await session.fetch("SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid", chosen)
        return Struck(begun, time.monotonic(), f"{len(chosen)} of {len(pids)}")


async def freeze_backend(scene: Scene, planned: PlannedFault) -> Struck:
    """One of the engine's sessions stands still, with whatever it holds."""
    async with scene.session() as session:
        rows = await session.fetch(_BACKENDS, APPLICATION)
        if not rows:
            raise MissedError("nobody is connected")
        chosen = rows[0]
        begun = time.monotonic()
        with suppress(ProcessLookupError):
            os.kill(chosen["pid"], signal.SIGSTOP)
        try:
            await scene.hold(planned)
        finally:
            with suppress(ProcessLookupError):
                os.kill(chosen["pid"], signal.SIGCONT)
    return Struck(begun, time.monotonic(), f"its state: {chosen['state']}")


async def lock(scene: Scene, planned: PlannedFault, *, statement: str, details: str) -> Struck:
    """Another session holds rows."""
    async with scene.session() as session:
        await session.execute(_LOCK_WAIT)
        try:
            async with session.transaction():
                number = int(planned.chance * scene.deployment.partitions)
                await session.fetch(statement, number)
                begun = time.monotonic()
                await scene.hold(planned)
        except asyncpg.LockNotAvailableError as error:
            raise MissedError("somebody else had the lock") from error
    return Struck(begun, time.monotonic(), details.format(number))


async def read_only(scene: Scene, planned: PlannedFault) -> Struck:
    begun = time.monotonic()
    await _execute(scene, "ALTER SYSTEM SET default_transaction_read_only = on", _RELOAD)
    try:
        await scene.hold(planned)
    finally:
        await _healed(scene, "ALTER SYSTEM RESET default_transaction_read_only", _RELOAD)
    return Struck(begun, time.monotonic())


async def slow(scene: Scene, planned: PlannedFault) -> Struck:
    seconds = round(0.05 + planned.chance * (_SLOWEST_SECONDS - 0.05), 2)
    begun = time.monotonic()
    await _execute(scene, f"SELECT soak.be_slow({seconds})")
    try:
        await scene.hold(planned)
    finally:
        await _healed(scene, "SELECT soak.be_slow(0)")
    return Struck(begun, time.monotonic(), f"{seconds} s a statement")


async def _execute(scene: Scene, *statements: str) -> None:
    async with scene.session() as session:
        for statement in statements:
            await session.execute(statement)


async def _healed(scene: Scene, *statements: str) -> None:
    """Until it has worked: what isn't healed would make every later fault another one."""
    async for attempt in stamina.retry_context(on=_MAY_PASS, attempts=None, timeout=_HEAL_SECONDS, wait_max=1.0):
        with attempt:
            await _execute(scene, *statements)


STRIKES: dict[str, Strike] = {
    "Postgres stopped at once": partial(away, outage="killed"),
    "Postgres stopped in order": partial(away, outage="stopped"),
    "Postgres frozen": partial(away, outage="frozen"),
    "Postgres backends terminated": terminate,
    "Postgres backend frozen": freeze_backend,
    "users locked": partial(
        lock,
        statement="SELECT 1 FROM engagement.users WHERE shard = $1 AND left(md5(user_id), 1) < '4' FOR UPDATE",
        details="a quarter of the users of shard {}",
    ),
    "shard locked": partial(
        lock, statement="SELECT 1 FROM engagement.shard WHERE shard = $1 FOR UPDATE", details="shard {}"
    ),
    "Postgres read-only": read_only,
    "Postgres slow": slow,
}
