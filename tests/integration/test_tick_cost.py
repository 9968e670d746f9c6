"""What a tick costs depends on who is due, not on how many users there are: counted by the server itself."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from adapters.codec import encode_message
from adapters.postgres.connection import connect
from adapters.postgres.migrations import migrate
from adapters.postgres.queries import ask
from adapters.postgres.rows import cycle_of, policy_values
from adapters.postgres.store import PostgresStore
from consumer.cycle import CHUNK_USERS, TickEvaluation
from consumer.publish import Publisher
from consumer.shard import OwnedShard
from consumer.steps import no_hook
from deploy.local.postgres import PostgresServer
from domain.cycles import Figures
from domain.events import Tick
from domain.ownership import BegunTick
from domain.ticks import JudgedTick, Verdict
from domain.users import DueUsers
from tests.builders import DAY, HOUR, NOON, PRODUCTION, message
from tests.conditions import eventually
from tests.contract.databases import fresh_database
from tests.fakes.activity_log import FakeActivityLog
from tests.fakes.producers import FakeProducers, FakeShardLog
from tests.integration.logged import logged_database, statements

DUE = 100

# Users who are not due for a day, and a hundred who are due an hour after noon.
FILL = """
INSERT INTO users (user_id, shard, outcome, wake_at, first_seen, last_active)
SELECT 'user ' || n, 0, 'active', $2::timestamptz + interval '1 day 1 microsecond', $2, $2
FROM generate_series(1, $1::integer) AS n
"""
SOON_DUE = """
UPDATE users SET last_active = last_active - $1::interval, first_seen = first_seen - $1, wake_at = wake_at - $1
WHERE user_id IN (SELECT 'user ' || n FROM generate_series(1, 100) AS n)
"""
TABLES = """
SELECT relname, seq_scan, coalesce(idx_scan, 0) AS idx_scan, coalesce(idx_tup_fetch, 0) AS idx_tup_fetch,
       seq_tup_read, n_tup_ins, n_tup_upd, n_tup_del
FROM pg_stat_user_tables WHERE schemaname = 'engagement'
"""
Counts = dict[str, dict[str, int]]


@dataclass(frozen=True)
class Cost:
    """What one tick cost: the statements in their order, and rows and scans by table."""

    statements: list[str]
    tables: Counts


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server's data and log are."""
    return tmp_path_factory.mktemp("postgres")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    """DSN of a server whose log this test may read."""
    server = PostgresServer(folder)
    server.start()
    yield server.dsn
    server.stop()


async def costs_of_two_ticks(server: str, log: Path, users: int) -> tuple[Cost, Cost]:
    """The costs of a tick with nobody due and of one with a hundred due, among so many users."""
    name = f"users_{users}"
    dsn = await logged_database(server, name)
    await fill(dsn, users)
    nobody = await cost(dsn, log, Tick("nobody is due", NOON + 10 * HOUR), 0, {"active": users})
    some = await cost(dsn, log, Tick("some are due", NOON + 20 * HOUR), 1, {"active": users - DUE, "normal": DUE})
    return nobody, some


async def fill(dsn: str, users: int) -> None:
    pool = await connect(dsn)
    await PostgresStore(pool).grow(1)
    await pool.execute(FILL, users, NOON)
    await pool.execute(SOON_DUE, 5 * HOUR)
    thresholds = policy_values(PRODUCTION)
    await pool.execute("UPDATE shard SET active = $1, position = 0, policy = $2", users, thresholds)
    await pool.execute("VACUUM ANALYZE")
    await pool.close()


async def cost(dsn: str, log: Path, tick: Tick, offset: int, figures: dict[str, int]) -> Cost:
    before = await counted(dsn)
    logged = len(statements(log))
    pool = await connect(dsn)
    assert await evaluate(pool, tick, offset) == Figures(**figures)
    await pool.close()
    asked = statements(log)[logged:]
    after = await counted(dsn)
    tables = {
        table: {name: count - before[table][name] for name, count in counts.items()} for table, counts in after.items()
    }
    return Cost(asked, tables)


async def counted(dsn: str) -> Counts:
    """The server's statistics, once every other session has ended and told what it did."""
    connection = await asyncpg.connect(dsn)

    async def alone() -> None:
        sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = $1"
        assert await connection.fetchval(sessions, "client backend") == 1

    await eventually(alone)
    rows = await connection.fetch(TABLES)
    await connection.close()
    return {row["relname"]: {name: row[name] for name in row.keys() if name != "relname"} for row in rows}  # noqa: SIM118


async def evaluate(pool: asyncpg.Pool, tick: Tick, offset: int) -> Figures:
    """One cycle by the only shard's owner, from judging to the confirmation of the last message."""
    store = PostgresStore(pool)
    state = await store.take_over(0)
    shard = OwnedShard(store, state, await store.outbox(state.ownership))
    async with shard.transaction() as write:
        await write.lock_tick_log()
        await write.write_verdicts([JudgedTick(offset, Verdict.USABLE, tick)], offset + 1, tick.at)
        await shard.commit(write)
    producers = FakeProducers()
    producers.logs[0] = FakeShardLog(progress=[state.confirmed])
    publisher = Publisher(shard, store, producers, cycle_topic="cycles", messages_logged=0, hook=no_hook)
    encode = partial(encode_message, topic="messages", event_source="/test")
    evaluation = TickEvaluation(shard, publisher, FakeActivityLog(1), policy=PRODUCTION, encode=encode, hook=no_hook)
    await evaluation.choose(await store.usable_ticks(state.tick_cursor, offset + 1), offset + 1)
    await evaluation.begin()
    while shard.first_unpublished is not None:
        await publisher.publish_first()
    row = await pool.fetchrow("SELECT * FROM tick WHERE tick_offset = $1", offset)
    assert row is not None
    return cycle_of(row).figures


async def test_a_tick_costs_the_same_among_20_000_and_among_500_000_users(server: str, folder: Path) -> None:
    log = folder / "postgres.log"
    small = await costs_of_two_ticks(server, log, 20_000)
    large = await costs_of_two_ticks(server, log, 500_000)
    for few, many in zip(small, large, strict=True):
        assert few.statements
        assert few.statements == many.statements
        assert few.tables == many.tables
        assert many.tables["users"]["seq_scan"] == 0
    nobody, some = large
    assert [nobody.tables["users"]["n_tup_upd"], some.tables["users"]["n_tup_upd"]] == [0, DUE]
    # Picked through the index, locked and written where they are: each of the due users is fetched once, nobody else.
    assert nobody.tables["users"]["idx_tup_fetch"] == 0
    assert some.tables["users"]["idx_tup_fetch"] == DUE


# What the planner may believe when a chunk of the many who are due is decided.
NOTHING = "SELECT"
THE_TRUTH = "ANALYZE users"
NOBODY_IS_DUE = """
UPDATE users SET wake_at = wake_at + interval '1 year';
ANALYZE users;
UPDATE users SET wake_at = wake_at - interval '1 year';
"""
THEY_ARE_ANOTHER_SHARDS = "UPDATE users SET shard = 1; ANALYZE users; UPDATE users SET shard = 0;"


@pytest.mark.parametrize("belief", [NOTHING, THE_TRUTH, NOBODY_IS_DUE, THEY_ARE_ANOTHER_SHARDS])
async def test_a_chunk_reads_nobody_else_however_many_are_due_and_whatever_the_planner_believes(
    server: str, belief: str
) -> None:
    async with fresh_database(server) as dsn:
        await migrate(dsn)
        pool = await connect(dsn)
        await PostgresStore(pool).grow(1)
        await pool.execute("ALTER TABLE users SET (autovacuum_enabled = off)")
        await pool.execute(FILL, 30_000, NOON)
        await pool.execute(belief)
        # What was there before is removed: the pick would meet it.
        await pool.execute("VACUUM users")
        await pool.close()
        for work in (a_chunk, still_active, some_made_due, how_far_it_is):
            before = await counted(dsn)
            pool = await connect(dsn)
            await work(PostgresStore(pool))
            await pool.close()
            after = await counted(dsn)
            assert after["users"]["idx_tup_fetch"] - before["users"]["idx_tup_fetch"] == CHUNK_USERS
            assert after["users"]["seq_tup_read"] == before["users"]["seq_tup_read"]


async def a_chunk(store: PostgresStore) -> None:
    """The decisions of one, without the log."""
    ownership = (await store.take_over(0)).ownership
    async with store.transaction(ownership) as write:
        due = await write.due_users(NOON + 2 * DAY, PRODUCTION, CHUNK_USERS)
        assert (len(due.users), due.last) == (CHUNK_USERS, False)
        skipped, messaged = due.users[::2], due.users[1::2]
        await write.write_skipped([replace(stored, wake_at=NOON + 3 * DAY) for stored in skipped])
        await write.write_messaged([message(stored.user.user_id, NOON) for stored in messaged], NOON + 3 * DAY)
        await write.commit()


async def still_active(store: PostgresStore) -> None:
    """A chunk of users who woke for nothing."""
    ownership = (await store.take_over(0)).ownership
    patient = replace(PRODUCTION, inactivity_threshold=3 * DAY)
    async with store.transaction(ownership) as write:
        found = await write.due_users(NOON + 2 * DAY, patient, CHUNK_USERS)
        assert found == DueUsers([], still_active=CHUNK_USERS, last=False)
        await write.commit()


async def how_far_it_is(store: PostgresStore) -> None:
    """Whoever asks how many are left, counts so many of them."""
    ownership = (await store.take_over(0)).ownership
    tick = Tick("under way", NOON + 2 * DAY)
    async with store.transaction(ownership) as write:
        await write.write_verdicts([JudgedTick(0, Verdict.USABLE, tick)], 1, tick.at)
        begun = BegunTick(0, tick, PRODUCTION, Figures())
        write.state = replace(write.state, begun=begun, tick_cursor=1)
        await write.commit()
    [cycle] = await ask(store._pool, "running_cycles", CHUNK_USERS)
    assert cycle["remaining"] == CHUNK_USERS


async def some_made_due(store: PostgresStore) -> None:
    """A part of a look at everyone."""
    ownership = (await store.take_over(0)).ownership
    async with store.transaction(ownership) as write:
        assert not await write.make_all_due(CHUNK_USERS)
        await write.commit()
