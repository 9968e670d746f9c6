"""Whatever happens, each tick does what the plain rules say, and the figures are those of a full count.

Shards work on a real Postgres with Kafka's producers in memory; the judge is the plain evaluation of every user.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.codec import Limits, encode_activity, encode_message
from adapters.postgres.rows import cycle_of
from adapters.postgres.store import PostgresStore
from consumer.cycle import TickEvaluation
from consumer.dead_letters import DeadLetters
from consumer.ingest import Ingest
from consumer.publish import Publisher
from consumer.shard import OwnedShard
from consumer.steps import no_hook
from domain.cycles import Cycle
from domain.decision_logic import evaluate_user_for_engagement, get_engagement_stats
from domain.events import Activity, Tick
from domain.policy import Policy
from domain.records import InputRecord, RecordBatch
from domain.ticks import JudgedTick, Verdict
from domain.users import MICROSECOND, Outcome, StoredUser, User, apply, coalesce
from tests.builders import DAY, HOUR, NOON, PRODUCTION
from tests.fakes.activity_log import FakeActivityLog
from tests.fakes.producers import FakeProducers

SHARDS = 2
USERS = 3
POLICIES = (PRODUCTION, Policy(HOUR, 36 * HOUR, 3 * DAY, DAY), Policy(2 * DAY, 3 * HOUR, 5 * DAY, 4 * DAY))
# Users as they are after the tick of the time given, counted by the rules written once more, in SQL.
RECOUNT = """
SELECT CASE
    WHEN last_messaged = $1 AND $1 - last_active >= $4 THEN 'dormant'
    WHEN last_messaged = $1 AND $1 - coalesce(registered_at, first_seen) < $5 THEN 'new_user'
    WHEN last_messaged = $1 THEN 'normal'
    WHEN $1 - last_active <= $2 THEN 'active'
    WHEN last_messaged > $1 - $3::interval THEN 'recently_messaged'
    ELSE 'nobody messaged them'
END AS outcome, count(*) AS users
FROM users GROUP BY 1
"""
LIMITS = Limits(max_future_skew=timedelta(days=3_000), max_record_bytes=10_000)
DEAD_LETTERS = DeadLetters("dead-letters", 1_000_000)

# Hours since noon; the odd microseconds put events and ticks on the thresholds and next to them.
MOMENTS = st.tuples(st.integers(0, 60), st.sampled_from([-1, 0, 0, 0, 1]))
NAMES = st.sampled_from([None, None, "Ada", "Zed"])
EVENTS = st.lists(st.tuples(st.integers(0, USERS - 1), MOMENTS, NAMES), min_size=1, max_size=6)
LATE_MOMENTS = st.tuples(st.integers(20, 200), st.just(0))
LATE_EVENTS = st.lists(st.tuples(st.integers(0, USERS - 1), LATE_MOMENTS, NAMES), min_size=1, max_size=6)
HISTORIES = st.lists(
    st.one_of(
        st.tuples(st.just("events"), EVENTS),
        st.tuples(st.just("tick"), st.integers(1, 40)),
        st.tuples(st.just("policy"), st.integers(0, len(POLICIES) - 1)),
    ),
    max_size=12,
)


class Engine:
    """Two shards with all that works for them, and the plain model of the same users."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.store = PostgresStore(pool)
        self.producers = FakeProducers()
        self.activity = FakeActivityLog(SHARDS)
        self.policy = PRODUCTION
        self.model: dict[str, User] = {}
        self.ticks = 0
        self.hours = 60

    async def take_in(self, events: list[Activity]) -> None:
        for change in coalesce(events):
            before = self.model.get(change.user_id)
            stored = None if before is None else StoredUser(before, Outcome.ACTIVE, NOON)
            self.model[change.user_id] = apply(stored, change, self.policy).user
        for number in range(SHARDS):
            own = [event for event in events if int(event.user_id) % SHARDS == number]
            async with self.owning(number) as (shard, publisher, _):
                ingest = Ingest(
                    shard, publisher, policy=self.policy, limits=LIMITS, dead_letters=DEAD_LETTERS, hook=no_hook
                )
                start = shard.state.position
                self.activity.ends[number] = start + len(own)
                batch = RecordBatch("activity", number, start, start + len(own), records(number, start, own))
                await ingest.take_in(await ingest.decode(batch))

    async def evaluate(self, tick: Tick) -> Cycle:
        await self._judge(tick)
        for number in range(SHARDS):
            async with self.owning(number) as (shard, publisher, evaluation):
                await evaluation.choose(await self.store.usable_ticks(0, self.ticks), self.ticks)
                assert evaluation.can_begin
                await evaluation.begin()
                while evaluation.under_way:
                    await evaluation.go_on()
                while shard.first_unpublished is not None:
                    await publisher.publish_first()
        row = await self.pool.fetchrow("SELECT * FROM tick WHERE tick_offset = $1", self.ticks - 1)
        assert row is not None
        assert row["ended_at"] is not None
        return cycle_of(row)

    async def _judge(self, tick: Tick) -> None:
        state = await self.store.take_over(0)
        async with self.store.transaction(state.ownership) as write:
            await write.lock_tick_log()
            await write.write_verdicts([JudgedTick(self.ticks, Verdict.USABLE, tick)], self.ticks + 1, tick.at)
            await write.commit()
        self.ticks += 1

    @asynccontextmanager
    async def owning(self, number: int) -> AsyncIterator[tuple[OwnedShard, Publisher, TickEvaluation]]:
        """A fresh ownership of the shard, as after any restart."""
        state = await self.store.take_over(number)
        shard = OwnedShard(self.store, state, await self.store.outbox(state.ownership))
        if state.policy != self.policy or state.position < 0:
            async with shard.transaction() as write:
                kept = state.policy if state.policy == self.policy else None
                write.state = replace(write.state, policy=kept, position=max(state.position, 0))
                await shard.commit(write)
        publisher = Publisher(shard, self.store, self.producers, cycle_topic="cycles", messages_logged=0, hook=no_hook)
        evaluation = TickEvaluation(
            shard,
            publisher,
            self.activity,
            policy=self.policy,
            encode=partial(encode_message, topic="messages", event_source="/test"),
            hook=no_hook,
            chunk_users=2,
        )
        yield shard, publisher, evaluation

    def expected(self, tick: Tick) -> tuple[Cycle, set[str]]:
        """What the plain rules say, and the model afterwards."""
        figures = get_engagement_stats(self.model.values(), tick.at, self.policy)
        messaged = {
            user_id
            for user_id, user in self.model.items()
            if evaluate_user_for_engagement(user, tick.at, self.policy).eligible
        }
        for user_id in messaged:
            self.model[user_id] = replace(self.model[user_id], last_messaged=tick.at)
        return Cycle(tick.tick_id, tick.at, SHARDS, 0, figures), messaged

    async def recount(self, tick: Tick) -> dict[str, int]:
        """The users by outcome, counted in the database."""
        policy = self.policy
        thresholds = [getattr(policy, name) for name in Policy.__slots__]
        rows = await self.pool.fetch(RECOUNT, tick.at, *thresholds)
        return {row["outcome"]: row["users"] for row in rows}

    async def check_counters(self) -> None:
        """The shards' counters are those of their users, and stored outcomes hold until the wake time."""
        wrong = await self.pool.fetch(
            """
            SELECT shard, active, recently_messaged FROM shard WHERE (active, recently_messaged) <> (
                SELECT count(*) FILTER (WHERE outcome = 'active'), count(*) FILTER (WHERE outcome <> 'active')
                FROM users WHERE users.shard = shard.shard
            )
            """
        )
        assert not wrong

    def messaged(self, tick: Tick) -> list[str]:
        """Whom Kafka holds a message of this tick for."""
        time = f"{tick.at:%Y-%m-%dT%H:%M:%S.%f}Z".encode()
        records = [record for log in self.producers.logs.values() for record in log.committed]
        return [
            record.key.decode() for record in records if record.key is not None and ("ce_time", time) in record.headers
        ]


def records(partition: int, start: int, events: list[Activity]) -> tuple[InputRecord, ...]:
    """The events as they lie in Kafka."""
    encoded = [encode_activity(event, "activity") for event in events]
    return tuple(
        InputRecord("activity", partition, start + n, 1_900_000_000_000, record.key, record.value)
        for n, record in enumerate(encoded)
    )


async def empty(pool: asyncpg.Pool) -> None:
    await pool.execute("TRUNCATE users, move, tick, message, outbox, shard")
    await pool.execute("UPDATE deployment SET shards = 0, tick_next = 0, tick_latest = NULL")
    await PostgresStore(pool).grow(SHARDS)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(history=HISTORIES, late=LATE_EVENTS)
async def test_every_tick_does_what_the_plain_rules_say(
    pool: asyncpg.Pool, history: list[tuple[str, object]], late: list[tuple[int, tuple[int, int], str | None]]
) -> None:
    await empty(pool)
    engine = Engine(pool)
    for kind, what in [*history, ("tick", 30), ("events", late), ("tick", 1)]:
        if kind == "events":
            assert isinstance(what, list)
            await engine.take_in([event(*given, now=engine.hours) for given in what])
        elif kind == "policy":
            assert isinstance(what, int)
            engine.policy = POLICIES[what]
        else:
            assert isinstance(what, int)
            engine.hours += what
            tick = Tick(f"tick {engine.ticks}", NOON + engine.hours * HOUR)
            expected, messaged = engine.expected(tick)
            assert await engine.evaluate(tick) == expected
            assert sorted(engine.messaged(tick)) == sorted(messaged)
            counted = {name: getattr(expected.figures, name) for name in expected.figures.__slots__}
            assert await engine.recount(tick) == {name: users for name, users in counted.items() if users}
        await engine.check_counters()


def event(user: int, moment: tuple[int, int], name: str | None, *, now: int) -> Activity:
    """An event up to sixty hours before now, or just after it."""
    hours, microseconds = moment
    return Activity(str(user), NOON + (now - hours) * HOUR + microseconds * MICROSECOND, name)
