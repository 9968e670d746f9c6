"""Dead letters in the topic of a deployment, as its workers would have written them, and what others put there."""

import asyncio
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaProducer

from adapters.codec import dead_letter
from consumer.commands.dlq import replay_letters
from consumer.commands.dlq_source import Selection
from consumer.commands.dlq_words import as_json
from consumer.settings import Settings
from consumer.settings.environment import PREFIX
from domain.errors import Reason, RejectedRecordError
from domain.records import Headers, InputRecord, OutgoingRecord
from tests.foreign import ForeignRecord, read_topic
from tests.harness.deployment import Deployment

ROOM = 100_000
"""Bytes that a value may have before it is cut."""
TIMESTAMP_MS = 1_795_341_600_000  # 2026-11-22T10:00:00Z


def rejected(
    deployment: Deployment,
    value: bytes | None = b"{",
    *,
    reason: Reason = "bad_json",
    key: bytes | None = b"u1",
    headers: Headers = (),
    topic: str | None = None,
    partition: int = 0,
    offset: int = 0,
) -> OutgoingRecord:
    """The dead letter of an activity record, or of a record of another topic."""
    record = InputRecord(topic or deployment.topic("activity"), partition, offset, TIMESTAMP_MS, key, value, headers)
    return dead_letter(record, RejectedRecordError(reason, "value: is wrong"), deployment.topic("dead-letters"), ROOM)


async def put(deployment: Deployment, records: Iterable[OutgoingRecord], partition: int | None = None) -> None:
    """Produce the records, in their order, to one partition or where their keys belong."""
    async with AIOKafkaProducer(
        bootstrap_servers=deployment.kafka, enable_idempotence=True, max_request_size=2 * 1024 * 1024
    ) as producer:
        sent = [
            await producer.send(
                record.topic,
                record.value,
                key=record.key,
                headers=list(record.headers),
                timestamp_ms=record.timestamp_ms,
                partition=partition,
            )
            for record in records
        ]
        await asyncio.gather(*sent)


async def lying(deployment: Deployment, role: str) -> list[ForeignRecord]:
    """What committed readers see of a topic."""
    return await asyncio.to_thread(read_topic, deployment.kafka, deployment.topic(role))


async def replay(deployment: Deployment, *reasons: Reason, dry_run: bool = False) -> dict[str, Any]:
    """What `engage dlq replay --json` does and prints, in this process."""
    replaying = await replay_letters(settings_of(deployment), Selection(frozenset(reasons)), dry_run=dry_run)
    return as_json(replaying.tally, done=not dry_run)


def settings_of(deployment: Deployment) -> Settings:
    """The settings that the deployment's processes have."""
    given = {name: value for name, value in deployment.environment.items() if name.startswith(PREFIX)}
    return Settings(**{name.removeprefix(PREFIX).lower(): value for name, value in given.items()})  # type: ignore[arg-type]


def told(replayed: int, already_replayed: int = 0, *, done: bool = True, **not_replayable: int) -> dict[str, Any]:
    """The figures of a replay."""
    obstacles = dict.fromkeys(("truncated", "other_topic", "no_partition"), 0)
    return {
        "done": done,
        "replayed": replayed,
        "already_replayed": already_replayed,
        "not_replayable": obstacles | not_replayable,
    }
