"""Generated activity, the same for everybody: a million events of ten thousand users, or of half a million."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from adapters.kafka.partitioner import partition_for

PARTITIONS = 4
EVENTS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
# A batch is bounded by the topic's max.message.bytes, 1 MiB by default.
_BATCH_BYTES = 500_000


@dataclass(frozen=True, slots=True)
class Stream:
    """``events`` of ``users``: each user once, in any order, and then any user each time; a millisecond between two.

    ``partitions``: of the topic that they are written to.
    """

    name: str
    users: int
    events: int = EVENTS
    seed: int = 1
    partitions: int = PARTITIONS

    def owners(self) -> Iterator[int]:
        """The user of each event."""
        rng = random.Random(self.seed)  # noqa: S311 - repeatable, not secret
        first = list(range(self.users))
        rng.shuffle(first)
        yield from first[: self.events]
        for _ in range(self.events - self.users):
            yield rng.randrange(self.users)

    def last_active(self) -> dict[str, datetime]:
        """The state that everybody must end with."""
        last = {owner: number for number, owner in enumerate(self.owners())}
        return {user_id(owner): time_of(number) for owner, number in last.items()}

    def shortened(self, divisor: int) -> "Stream":
        """The first ones: of so many events, one."""
        return replace(self, events=self.events // divisor)

    async def load(self, kafka: str, topic: str) -> None:
        """Create the topic and write the events into it, without compression, the time of Kafka being now.

        (Records as old as their events would be removed by the topic's retention while they are read.)
        """
        await create_topic(kafka, topic, self.partitions)
        producer = AIOKafkaProducer(bootstrap_servers=kafka, max_batch_size=_BATCH_BYTES, linger_ms=5)
        await producer.start()
        try:
            places = [partition_for(user_id(number).encode(), self.partitions) for number in range(self.users)]
            now = round(time.time() * 1_000)
            batches = [producer.create_batch() for _ in range(self.partitions)]
            for number, owner in enumerate(self.owners()):
                place = places[owner]
                user = user_id(owner)
                key, value = user.encode(), event(user, written(time_of(number)), number)
                if batches[place].append(key=key, value=value, timestamp=now) is None:
                    await producer.send_batch(batches[place], topic, partition=place)
                    batches[place] = producer.create_batch()
                    batches[place].append(key=key, value=value, timestamp=now)
            for place, batch in enumerate(batches):
                await producer.send_batch(batch, topic, partition=place)
            await producer.flush()
        finally:
            await producer.stop()


STREAMS = {stream.name: stream for stream in (Stream("hot", 10_000), Stream("spread", 500_000))}


def user_id(number: int) -> str:
    """The id of a user."""
    return f"user-{number:07}"


def from_micros(microseconds: int) -> datetime:
    """A time that peers keep as microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)


def time_of(number: int) -> datetime:
    """When the event of that number happened; the first one is 0."""
    return _BEGINNING + number * _MILLISECOND


def written(at: datetime) -> str:
    """A time as events have it."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event(user: str, occurred_at: str, number: int) -> bytes:
    """Some 120 bytes, with one field that nobody needs, as real events have."""
    text = f'{{"type":"user.active","user_id":"{user}","occurred_at":"{occurred_at}","source":"app/{number:016x}"}}'
    return text.encode()


async def create_topic(kafka: str, topic: str, partitions: int = PARTITIONS) -> None:
    """With so many partitions, by default as many as a stream usually has."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        response = await admin.create_topics([NewTopic(topic, partitions, 1)])
    finally:
        await admin.close()
    for name, code, *_ in response.topic_errors:
        if code:
            raise RuntimeError(f"could not create {name}: error {code}")
