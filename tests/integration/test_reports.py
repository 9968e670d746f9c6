"""What the commands and the HTTP answers ask the state."""

from datetime import datetime, timedelta

import asyncpg

from adapters.postgres.reports import Reports
from adapters.postgres.rows import stored_user
from adapters.postgres.store import PostgresStore
from domain.cycles import Cycle, Figures
from domain.known_user import KnownUser, LoggedMessage
from domain.messages import EngagementMessage
from tests.builders import DAY, HOUR, NOON, PRODUCTION, activity, changes, message

ENDED = """
INSERT INTO tick (tick_offset, verdict, tick_id, at, shards, evaluated, coalesced, active, dormant, ended_at)
VALUES ($1, 'usable', $2, $3, 2, $4, 2 - $4, 5, $5, now())
"""
UNDER_WAY = "INSERT INTO tick (tick_offset, verdict, tick_id, at, shards) VALUES ($1, 'usable', $2, $3, 2)"
STALE = "INSERT INTO tick (tick_offset, verdict, tick_id, at, shards) VALUES ($1, 'stale', $2, $3, 2)"
UNUSABLE = "INSERT INTO tick (tick_offset, verdict, shards) VALUES ($1, 'unusable', 2)"


def cycle(tick_id: str, at: datetime, evaluated: int = 2, dormant: int = 1) -> Cycle:
    return Cycle(tick_id, at, evaluated, 2 - evaluated, Figures(active=5, dormant=dormant))


async def end(pool: asyncpg.Pool, offset: int, ended: Cycle) -> None:
    await pool.execute(ENDED, offset, ended.tick_id, ended.at, ended.evaluated, ended.figures.dormant)


async def test_cycles_come_by_time_from_the_latest_on_and_only_ended_ones(pool: asyncpg.Pool) -> None:
    reports = Reports(pool)
    assert await reports.cycles(10) == []
    # Written out of the order of their times, with others between them.
    ended = [cycle(f"tick {n}", NOON + n * HOUR, evaluated=n % 3, dormant=n) for n in (4, 1, 3, 2)]
    for offset, one in enumerate(ended):
        await end(pool, offset, one)
    await pool.execute(UNDER_WAY, 10, "under way", NOON + 9 * HOUR)
    await pool.execute(STALE, 11, "stale", NOON + HOUR)
    await pool.execute(UNUSABLE, 12)
    newest_first = sorted(ended, key=lambda one: one.at, reverse=True)
    assert await reports.cycles(10) == newest_first
    assert await reports.cycles(2) == newest_first[:2]
    assert await reports.cycles(10, before=newest_first[1].at) == newest_first[2:]
    assert await reports.cycles(1, before=newest_first[1].at + timedelta(microseconds=1)) == newest_first[1:2]
    assert await reports.last_cycle() == newest_first[0]


async def test_of_ticks_that_share_an_id_the_latest_counts(pool: asyncpg.Pool) -> None:
    reports = Reports(pool)
    earlier, later = cycle("noon", NOON), cycle("noon", NOON + HOUR, dormant=7)
    await end(pool, 0, earlier)
    await end(pool, 1, cycle("other", NOON + 2 * HOUR))
    await pool.execute(STALE, 2, "noon", NOON - HOUR)
    assert await reports.cycle("noon") == earlier
    await pool.execute(UNDER_WAY, 3, "noon", later.at)
    assert await reports.cycle("noon") is None, "whoever waits for the later one is not given the earlier one"
    await pool.execute("DELETE FROM tick WHERE tick_offset = 3")
    await end(pool, 3, later)
    assert await reports.cycle("noon") == later
    assert await reports.cycle("nobody's") is None


class Written:
    """A shard's owner who takes in events and messages users, as far as reports can see."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.store = PostgresStore(pool)

    async def take_in(self, *user_ids: str) -> None:
        await self.store.grow(2)
        ownership = (await self.store.take_over(1)).ownership
        events = [activity(user_id, NOON, f"Name of {user_id}") for user_id in user_ids]
        async with self.store.transaction(ownership) as write:
            await write.apply_activity(changes(*events), PRODUCTION)
            await write.commit()

    async def message(self, user_id: str, at: datetime) -> EngagementMessage:
        ownership = (await self.store.take_over(1)).ownership
        sent = message(user_id, at)
        async with self.store.transaction(ownership) as write:
            await write.log_messages([sent])
            await write.add_entry([])
            await write.commit()
        await self.pool.execute("UPDATE users SET last_messaged = $2 WHERE user_id = $1", user_id, at)
        return sent

    async def confirm(self) -> None:
        await self.pool.execute("UPDATE shard SET confirmed = decided")

    async def expected(self, user_id: str, last_cycle: Cycle | None, *messages: LoggedMessage) -> KnownUser:
        row = await self.pool.fetchrow("SELECT * FROM users WHERE user_id = $1", user_id)
        assert row is not None
        return KnownUser(stored_user(row).user, 1, None, last_cycle, messages)


async def test_a_user_comes_with_the_last_cycle_and_the_messages_that_matter(pool: asyncpg.Pool) -> None:
    reports, written = Reports(pool), Written(pool)
    assert await reports.user("a") is None
    await written.take_in("a", "b")
    assert await reports.user("a") == await written.expected("a", None)

    first = await written.message("a", NOON + DAY)
    assert await reports.user("a") == await written.expected("a", None, LoggedMessage(first, "decided"))
    await written.confirm()
    last_cycle = cycle("day", NOON + DAY)
    await end(pool, 0, last_cycle)
    assert await reports.user("a") == await written.expected("a", last_cycle, LoggedMessage(first, "sent"))
    assert await reports.user("b") == await written.expected("b", last_cycle)

    second = await written.message("a", NOON + 2 * DAY)
    third = await written.message("a", NOON + 3 * DAY)
    await pool.execute(UNDER_WAY, 1, "under way", NOON + 3 * DAY)
    expected = await written.expected("a", last_cycle, LoggedMessage(first, "sent"), LoggedMessage(third, "decided"))
    assert await reports.user("a") == expected, "as of the last cycle, and the last one"

    last_cycle = cycle("between", NOON + 2 * DAY + HOUR)
    await end(pool, 2, last_cycle)
    expected = await written.expected(
        "a", last_cycle, LoggedMessage(second, "decided"), LoggedMessage(third, "decided")
    )
    assert await reports.user("a") == expected, "of earlier ones only the last"


async def test_a_user_whose_messages_were_removed_from_the_log_is_known_all_the_same(pool: asyncpg.Pool) -> None:
    reports, written = Reports(pool), Written(pool)
    await written.take_in("a")
    await written.message("a", NOON + DAY)
    await pool.execute("DELETE FROM message")
    assert await reports.user("a") == await written.expected("a", None)


async def test_a_user_of_a_halted_shard_comes_with_the_reason(pool: asyncpg.Pool) -> None:
    reports, written = Reports(pool), Written(pool)
    await written.take_in("a")
    await pool.execute("UPDATE shard SET halted_reason = 'its marker is lost', halted_at = now() WHERE shard = 1")
    known = await reports.user("a")
    assert known is not None
    assert known.halted_reason == "its marker is lost"
