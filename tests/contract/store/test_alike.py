"""The store in memory and the one on Postgres hold the same after the same transactions, whatever these are."""

from collections.abc import AsyncIterator
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.postgres.store import PostgresStore
from domain.ownership import Ownership
from domain.policy import Policy
from domain.ports import Store
from domain.users import StoredUser
from tests.builders import DAY, HOUR, NOON, PRODUCTION, activity
from tests.contract.databases import Servers
from tests.contract.store.conftest import postgres_store
from tests.contract.store.owner import due, message_all, take_in
from tests.fakes.store import FakeStore

SHARDS = 2
POLICIES = (PRODUCTION, Policy(HOUR, 36 * HOUR, 3 * DAY, DAY))
EVENTS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 6), st.sampled_from([None, None, "Ann", "Zoë"])),
    min_size=1,
    max_size=4,
)
SHARD = st.integers(0, SHARDS - 1)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("take in"), SHARD, EVENTS, st.sampled_from(POLICIES)),
        st.tuples(st.just("evaluate"), SHARD, st.integers(1, 3), st.sampled_from(POLICIES)),
        st.tuples(st.just("make due"), SHARD, st.integers(1, 3), st.just(PRODUCTION)),
        st.tuples(st.just("fold"), SHARD, st.just(0), st.just(PRODUCTION)),
    ),
    max_size=12,
)
What = list[tuple[str, int, str | None]] | int
NEVER = NOON + 10_000 * DAY


@pytest.fixture
async def real(servers: Servers) -> AsyncIterator[PostgresStore]:
    async with postgres_store(servers[18]) as store:
        yield store


class Driver:
    """Does the steps of one example to one store, on shards that no example before has used."""

    def __init__(self, store: Store, first: int) -> None:
        self.store = store
        self.first = first
        self.hours = 0

    async def open(self) -> None:
        await self.store.grow(self.first + SHARDS)
        numbers = range(self.first, self.first + SHARDS)
        self.owned = [(await self.store.take_over(number)).ownership for number in numbers]

    async def do(self, kind: str, shard: int, what: What, policy: Policy) -> object:
        """One step; returns all that the store then says of both shards."""
        ownership = self.owned[shard]
        if isinstance(what, list):
            events = [activity(f"{self.first}{who}", self.at(days), name) for who, days, name in what]
            await take_in(self.store, ownership, *events, policy=policy)
        elif kind == "evaluate":
            self.hours += 10 * what
            await message_all(self.store, ownership, self.at(2) + self.hours * HOUR, policy=policy)
        else:
            async with self.store.transaction(ownership) as write:
                if kind == "fold":
                    await write.fold_moves()
                else:
                    while not await write.make_all_due(what):
                        pass
                await write.commit()
        return [await self.seen(ownership) for ownership in self.owned]

    async def seen(self, ownership: Ownership) -> tuple[int, int, list[StoredUser]]:
        async with self.store.transaction(ownership) as write:
            counters = write.state.active, write.state.recently_messaged
        return *counters, await due(self.store, ownership, NEVER)

    def at(self, days: int) -> datetime:
        return NOON + days * DAY


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps=STEPS)
async def test_the_same_transactions_leave_the_same_users_and_counters(
    real: PostgresStore, steps: list[tuple[str, int, What, Policy]]
) -> None:
    first = await number_of_shards(real)
    drivers = [Driver(store, first) for store in (real, FakeStore())]
    for driver in drivers:
        await driver.open()
    for step in steps:
        postgres, memory = [await driver.do(*step) for driver in drivers]
        assert memory == postgres


async def number_of_shards(store: PostgresStore) -> int:
    """How many shards the examples before have used."""
    return int(await store._pool.fetchval("SELECT shards FROM deployment"))
