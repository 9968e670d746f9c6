"""Reading the activity topic, without and with a look at what is read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer

from benchmarks.floors.part import Work
from benchmarks.peers.plain import UserActivity
from benchmarks.services import Services
from benchmarks.topics import partitions_of

_POLL_RECORDS = 50_000
# For each partition: a poll of so many records takes several.
_FETCH_BYTES = 2**23


@dataclass(frozen=True, slots=True)
class Fetch:
    """Fetch all events of the topic with getmany; ``validates``: and make each a pydantic model."""

    topic: str
    count: int
    validates: bool
    unit: str = "events"

    @property
    def name(self) -> str:
        """What is done."""
        return "fetch and validate" if self.validates else "fetch"

    @asynccontextmanager
    async def ready(self, services: Services, name: str) -> AsyncIterator[Work]:  # noqa: ARG002 - others need it
        """A consumer of no group, which has fetched nothing yet."""
        async with AIOKafkaConsumer(
            bootstrap_servers=services.kafka, enable_auto_commit=False, max_partition_fetch_bytes=_FETCH_BYTES
        ) as consumer:

            async def work() -> int:
                return await self._fetch(consumer)

            yield work

    async def _fetch(self, consumer: AIOKafkaConsumer) -> int:
        partitions = partitions_of(self.topic)
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        done = 0
        while done < self.count:
            found = await consumer.getmany(timeout_ms=200, max_records=_POLL_RECORDS)
            for records in found.values():
                if self.validates:
                    for record in records:
                        UserActivity.model_validate_json(record.value)
                done += len(records)
        return done
