"""Produces the table: each kind between two good records of its partition."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaProducer

from domain.records import Headers
from tests.bad_input.kinds import CODECS, TOPICS, Draft, Kind, Topic, good_draft
from tests.foreign import produce
from tests.harness.deployment import Deployment

PARTITIONS = 3
# Each record has its own second; all ticks come after all activity, and nothing lies in the future.
_BROKERS_TIME = 1
_AGO: dict[Topic, timedelta] = {"activity": timedelta(days=2), "ticks": timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class Sent:
    """A record that Kafka has acknowledged. ``kind`` None: one of the good ones in between."""

    kind: Kind | None
    draft: Draft
    partition: int
    offset: int
    timestamp_ms: int | None
    """Kafka's, where we know it."""

    @property
    def bad(self) -> bool:
        """Whether it must become a dead letter."""
        return self.kind is not None and self.kind.reason is not None

    def is_in(self, topic: Topic, partition: int) -> bool:
        """Whether it lies there."""
        return (self.draft.topic, self.partition) == (topic, partition)

    def __str__(self) -> str:
        return f"{self.kind or f'{self.draft.topic}, good'} at {self.partition}/{self.offset}"


def canary() -> str:
    """A word that is nowhere else."""
    return f"canary{secrets.token_hex(8)}"


def headers_of(canary: str, number: int) -> Headers:
    """Headers as strange as Kafka allows, of several sorts in turn."""
    sorts: tuple[Headers, ...] = (
        (),
        (("trace", canary.encode()), ("trace", None), ("trace", b""), ("trace", b"\xff\x00\n")),
        (("engagement.error.reason", canary.encode()), ("engagement.error.truncated", b"true")),
        (("Žofie 😉", canary.encode()), ("", b"no name"), (canary, b"\x00"), ("a=b,c", None)),
    )
    return sorts[number % len(sorts)]


@asynccontextmanager
async def producers(kafka: str) -> AsyncIterator[Mapping[str | None, AIOKafkaProducer]]:
    """One for each codec, and one that leaves records as they are."""
    async with AsyncExitStack() as started:
        made: dict[str | None, AIOKafkaProducer] = {}
        for codec in (None, *CODECS):
            made[codec] = AIOKafkaProducer(bootstrap_servers=kafka, acks="all", compression_type=codec)
            await started.enter_async_context(made[codec])
        yield made


async def play(deployment: Deployment, kinds: Sequence[Kind]) -> list[Sent]:
    """Produce a record of each kind, good ones before, between and after them; returns all of them."""
    sent: list[Sent] = []
    async with producers(deployment.kafka) as by_codec:
        for kind, draft, partition in _drafts(kinds):
            if draft.odd_headers:
                offset = max(one.offset for one in sent if one.is_in(draft.topic, partition)) + 1
                await asyncio.to_thread(_produce_by_kcat, deployment, draft, partition)
                sent.append(Sent(kind, draft, partition, offset, None))
            else:
                sent.append(await send(deployment, by_codec[kind.codec if kind else None], draft, partition, kind))
    return sent


async def send(
    deployment: Deployment, producer: AIOKafkaProducer, draft: Draft, partition: int, kind: Kind | None = None
) -> Sent:
    """Produce one record, by itself in a batch: unlike ``send``, that takes one with neither key nor value."""
    batch = producer.create_batch()
    batch.append(key=draft.key, value=draft.value, timestamp=draft.timestamp_ms, headers=list(draft.headers))
    delivery = await producer.send_batch(batch, deployment.topic(draft.topic), partition=partition)
    metadata = await delivery
    timestamp_ms = metadata.timestamp if metadata.timestamp_type == _BROKERS_TIME else draft.timestamp_ms
    return Sent(kind, draft, partition, metadata.offset, timestamp_ms)


def _produce_by_kcat(deployment: Deployment, draft: Draft, partition: int) -> None:
    """Our own client refuses header names that are not UTF-8."""
    produce(
        deployment.kafka,
        deployment.topic(draft.topic),
        draft.value or b"",
        key=(draft.key or b"").decode(),
        partition=partition,
        headers=[(name, (header or b"").decode()) for name, header in draft.headers],
    )


def _drafts(kinds: Sequence[Kind]) -> Iterator[tuple[Kind | None, Draft, int]]:
    now = datetime.now(UTC).replace(microsecond=0)
    for topic in TOPICS:
        for number, (kind, partition) in enumerate(_order([kind for kind in kinds if kind.topic == topic], topic)):
            draft = good_draft(topic, canary(), now - _AGO[topic] + timedelta(seconds=number))
            if kind is not None:
                draft = kind.change(draft)
                draft = replace(draft, headers=draft.headers or headers_of(draft.canary, number // 2))
            yield kind, draft, partition


def _order(kinds: Sequence[Kind], topic: Topic) -> Iterator[tuple[Kind | None, int]]:
    """In each partition: good, bad, good, bad, ..., good."""
    partitions = 1 if topic == "ticks" else PARTITIONS
    for number, kind in enumerate(kinds):
        yield None, number % partitions
        yield kind, number % partitions
    for partition in range(partitions):
        yield None, partition
