"""Accepting a halted shard while answers get lost, other operators do the same, and workers are faster.

On a real Postgres, with Kafka's producers in memory.
"""

from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from adapters.kafka.topics import TopicNames
from adapters.postgres.acceptance import HaltedShards
from adapters.postgres.store import PostgresStore
from consumer.accepting import Accepting
from consumer.publish import Publisher
from consumer.shard import OwnedShard
from consumer.steps import no_hook
from domain.errors import OwnershipLostError, TransientError
from domain.records import OutgoingRecord
from tests.fakes.activity_log import FakeActivityLog
from tests.fakes.producers import FakeProducers, FakeShardLog
from tests.fakes.wire import Wire

NAMES = TopicNames(
    activity="activity",
    ticks="ticks",
    messages="messages",
    cycles="cycles",
    dead_letters="dead-letters",
    progress="progress",
)
CONFIRMED, DECIDED = 1, 3
REQUESTS = [
    "shards",
    "start producer",
    "begin transaction",
    "send probe",
    "commit transaction",
    "marker",
    "beginning",
    "end",
    "begin transaction",
    "send",
    "commit transaction",
]
"""What an acceptance asks of Kafka, in this order."""
ANSWERED = {"start producer", "send probe", "commit transaction", "begin transaction", "send"}


class Trouble(Wire):
    """Something happens once: right before the nth call reaches the other side, or right before its answer."""

    def __init__(self, nth: int, moment: str, happen: Callable[[], Awaitable[None]]) -> None:
        self.calls: list[str] = []
        self._nth = nth
        self._moment = moment
        self._happen = happen

    async def request(self, call: str) -> None:
        self.calls.append(call)
        await self._maybe("request")

    async def answer(self, call: str) -> None:
        await self._maybe("answer")

    async def _maybe(self, moment: str) -> None:
        if (len(self.calls), moment) == (self._nth, self._moment):
            # Whatever happens calls the other side itself.
            self._nth = 0
            await self._happen()


MOMENTS = [
    *((number, "request") for number in range(1, len(REQUESTS) + 1)),
    *((number, "answer") for number, call in enumerate(REQUESTS, 1) if call in ANSWERED),
]


@pytest.fixture
async def store(pool: asyncpg.Pool) -> PostgresStore:
    """Shard 0 has three entries, of which one is confirmed, and is halted: Kafka has lost its marker."""
    store = PostgresStore(pool)
    await store.grow(1)
    ownership = (await store.take_over(0)).ownership
    async with store.transaction(ownership) as write:
        for sequence in range(1, DECIDED + 1):
            await write.add_entry([OutgoingRecord("messages", b"key", value(sequence))])
        await write.confirm(CONFIRMED)
        await write.commit()
    await store.halt(ownership, "the marker is 0, but sequences 1 to 3 are possible")
    return store


def value(sequence: int) -> bytes:
    return f"entry {sequence}".encode()


def kafka(wire: Wire | None = None) -> FakeProducers:
    producers = FakeProducers(wire)
    producers.logs[0] = FakeShardLog()
    return producers


def accepting(pool: asyncpg.Pool, producers: FakeProducers, wire: Wire | None = None) -> Accepting:
    return Accepting(HaltedShards(pool), producers, FakeActivityLog(1, wire), NAMES)


def on_the_same_kafka(producers: FakeProducers) -> FakeProducers:
    """As another process sees it, whose calls nothing disturbs."""
    others = FakeProducers()
    others.logs = producers.logs
    return others


async def publish_all(store: PostgresStore, producers: FakeProducers) -> None:
    """A worker takes the shard over and publishes what waits."""
    state = await store.take_over(0)
    shard = OwnedShard(store, state, await store.outbox(state.ownership))
    publisher = Publisher(shard, store, producers, cycle_topic="cycles", messages_logged=0, hook=no_hook)
    while shard.first_unpublished is not None:
        await publisher.publish_first()
    assert shard.state.confirmed == DECIDED


def published(producers: FakeProducers) -> list[bytes | None]:
    return [record.value for record in producers.logs[0].committed]


async def test_an_acceptance_asks_kafka_for_what_is_disturbed_below(store: PostgresStore, pool: asyncpg.Pool) -> None:
    async def nothing() -> None:
        pass

    wire = Trouble(0, "request", nothing)
    assert await accepting(pool, kafka(wire), wire).accept(0) is not None
    assert wire.calls == REQUESTS


@pytest.mark.parametrize(("nth", "moment"), MOMENTS)
async def test_a_lost_request_or_answer_leaves_the_shard_halted_and_a_repetition_succeeds(
    store: PostgresStore, pool: asyncpg.Pool, nth: int, moment: str
) -> None:
    async def lose() -> None:
        raise TransientError("lost")

    wire = Trouble(nth, moment, lose)
    producers = kafka(wire)
    with pytest.raises(TransientError, match="lost"):
        await accepting(pool, producers, wire).accept(0)
    assert await pool.fetchval("SELECT halted_reason FROM shard") is not None
    accepted = await accepting(pool, producers).accept(0)
    assert accepted is not None
    assert accepted.acceptance.marker == CONFIRMED
    await publish_all(store, producers)
    assert published(producers) == [value(2), value(3)]


@pytest.mark.parametrize(("nth", "moment"), MOMENTS)
async def test_of_two_operators_at_once_one_is_refused_and_the_worker_is_not_disturbed(
    store: PostgresStore, pool: asyncpg.Pool, nth: int, moment: str
) -> None:
    async def be_faster() -> None:
        others = on_the_same_kafka(producers)
        assert await accepting(pool, others).accept(0) is not None
        await publish_all(store, others)
        written.extend(producers.logs[0].progress)

    written: list[int | None] = []
    wire = Trouble(nth, moment, be_faster)
    producers = kafka(wire)
    if nth == 1:
        assert await accepting(pool, producers, wire).accept(0) is None
    else:
        with pytest.raises(OwnershipLostError):
            await accepting(pool, producers, wire).accept(0)
    assert published(producers) == [value(2), value(3)]
    assert producers.logs[0].progress == written, "whoever was slower has written nothing more"
    assert written[-1] == DECIDED
    assert (await store.take_over(0)).confirmed == DECIDED


async def test_reading_goes_on_where_the_log_begins_when_the_position_is_not_in_it(
    store: PostgresStore, pool: asyncpg.Pool
) -> None:
    await pool.execute("UPDATE shard SET position = 50")
    await accepting(pool, kafka()).accept(0)
    assert (await store.take_over(0)).position == 0


async def test_a_former_owner_that_wakes_up_can_commit_nothing(store: PostgresStore, pool: asyncpg.Pool) -> None:
    producers = kafka()
    former = await producers.start(0)
    await former.begin()
    await former.send(2, [OutgoingRecord("messages", b"key", value(2))])
    await accepting(pool, producers).accept(0)
    with pytest.raises(OwnershipLostError):
        await former.commit()
    await publish_all(store, producers)
    assert published(producers) == [value(2), value(3)]


async def test_to_foresee_changes_nothing(store: PostgresStore, pool: asyncpg.Pool) -> None:
    async def marker(_shard: int) -> int:
        return 0

    producers = kafka()
    before = await pool.fetch("SELECT shard.*, outbox FROM shard, outbox")
    foreseen = await accepting(pool, producers).foresee(0, marker)
    assert foreseen.acceptance.marker == CONFIRMED
    assert foreseen.account.waiting.messages == 2
    assert await pool.fetch("SELECT shard.*, outbox FROM shard, outbox") == before
    assert producers.logs[0] == FakeShardLog()
    assert await accepting(pool, producers).accept(0) == foreseen
