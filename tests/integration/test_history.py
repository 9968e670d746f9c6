"""What is older than the history is removed from Postgres, and nothing else."""

from datetime import timedelta

import asyncpg
import pytest

from adapters.postgres.connection import connect
from adapters.postgres.history import STEP_ROWS, HistoryRows
from adapters.postgres.migrations import migrate
from consumer.history import History

MESSAGES = """
INSERT INTO message (user_id, decided_at, message_id, shard, sequence, tick_id, segment, tone, content, written_at)
SELECT prefix || n, now(), gen_random_uuid(), 0, 1, 'tick', 'normal', 'neutral', 'text', now() - age
FROM (VALUES ('old ', $1::integer, interval '91 days'), ('young ', 3, interval '89 days')) AS rows (prefix, number, age)
CROSS JOIN generate_series(1, number) AS n
"""
# Offset, verdict, age of the verdict and of the end of the cycle in days.
TICKS: list[tuple[int, str, int, int | None]] = [
    (0, "usable", 100, 91),
    (1, "stale", 100, None),
    (2, "unusable", 100, None),
    (3, "usable", 100, 89),
    (4, "usable", 100, None),
    (5, "stale", 89, None),
    (6, "usable", 89, 89),
]
TICK = """
INSERT INTO tick (tick_offset, verdict, tick_id, at, shards, evaluated, judged_at, ended_at)
SELECT $1::bigint, $2::text::verdict, CASE $2::text WHEN 'unusable' THEN NULL ELSE 'tick' END,
       CASE $2::text WHEN 'unusable' THEN NULL ELSE now() + $1::bigint * interval '1 second' END,
       1, CASE WHEN $4::integer IS NULL THEN 0 ELSE 1 END,
       now() - $3::integer * interval '1 day', now() - $4::integer * interval '1 day'
"""


@pytest.fixture
async def filled(database: str) -> str:
    """A database with rows older and younger than 90 days."""
    await migrate(database)
    connection = await asyncpg.connect(database, server_settings={"search_path": "engagement"})
    await connection.execute(MESSAGES, 2 * STEP_ROWS + 1)
    await connection.executemany(TICK, TICKS)
    await connection.close()
    return database


async def test_a_round_removes_all_that_is_older_and_nothing_else(filled: str) -> None:
    pool = await connect(filled)
    await History(HistoryRows(pool), timedelta(days=90)).round()
    users = await pool.fetch("SELECT user_id FROM message ORDER BY user_id")
    assert [row["user_id"] for row in users] == ["young 1", "young 2", "young 3"]
    # What has not ended yet, and what ended not long ago, stays, however long ago it was judged.
    assert [row["tick_offset"] for row in await pool.fetch("SELECT tick_offset FROM tick ORDER BY 1")] == [3, 4, 5, 6]
    await pool.close()


async def test_a_step_is_bounded_and_leaves_what_another_worker_removes(filled: str) -> None:
    pool = await connect(filled)
    rows = HistoryRows(pool)
    async with pool.acquire() as other, other.transaction():
        await other.execute(
            "DELETE FROM message WHERE user_id IN (SELECT 'old ' || n FROM generate_series(1, 10) AS n)"
        )
        assert await rows.remove_messages(timedelta(days=90)) == STEP_ROWS
        assert await rows.remove_messages(timedelta(days=90)) == STEP_ROWS - 9
    assert await rows.remove_messages(timedelta(days=90)) == 0
    await pool.close()


async def test_the_longest_history_removes_nothing(filled: str) -> None:
    pool = await connect(filled)
    assert await HistoryRows(pool).remove_messages(timedelta(days=3_660_000)) == 0
    await pool.close()
