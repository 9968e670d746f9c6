"""What a tick can't do without: who is due is selected and updated, each message logged and published.

No fence, no outbox, no marker, no rules and no figures: a crash loses or repeats messages.
"""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import asyncpg
from aiokafka import AIOKafkaProducer

from benchmarks.floors.part import Work
from benchmarks.floors.sending import message, send, transactional_producer
from benchmarks.ingest import database
from benchmarks.services import Services
from benchmarks.streams import PARTITIONS

_SELECT = """
SELECT user_id, first_seen, last_active, last_messaged, name FROM users
WHERE shard = $1 AND wake_at <= $2 ORDER BY wake_at LIMIT $3 FOR UPDATE
"""
_UPDATE = """
UPDATE users SET outcome = 'recently_messaged', wake_at = $2::timestamptz + interval '24 hours', last_messaged = $2
WHERE user_id = ANY($1::text[])
"""
_LOG = """
INSERT INTO message (user_id, decided_at, message_id, shard, sequence, tick_id, segment, tone, content)
SELECT user_id, $2, message_id, $4, $5, 'tick', 'normal', 'neutral', 'Hello! We have not seen you for a while.'
FROM unnest($1::text[], $3::uuid[]) AS given (user_id, message_id)
"""


@dataclass(frozen=True, slots=True)
class Tick:
    """All ``count`` users of a copy of the engine's database ``state``, all due at ``at``, ``chunk`` at a time."""

    state: str
    at: datetime
    count: int
    chunk: int
    unit: str = "messages"

    @property
    def name(self) -> str:
        """With the size of its chunks."""
        return f"select who is due, update, log, send and commit, {self.chunk:,} users at a time"

    @asynccontextmanager
    async def ready(self, services: Services, name: str) -> AsyncIterator[Work]:
        """The copy, a topic and a producer."""
        async with (
            database(services, name, template=self.state) as dsn,
            transactional_producer(services.kafka, name, "zstd") as producer,
        ):
            connection = await asyncpg.connect(dsn, server_settings={"search_path": "engagement"})
            try:
                await connection.execute("CHECKPOINT")

                async def work() -> int:
                    return await self._evaluate(connection, producer, name)

                yield work
            finally:
                await connection.close()

    async def _evaluate(self, connection: asyncpg.Connection, producer: AIOKafkaProducer, topic: str) -> int:
        done = 0
        for shard in range(PARTITIONS):
            for sequence in itertools.count(1):
                async with connection.transaction():
                    found = await self._message(connection, producer, topic, shard, sequence)
                done += found
                if found < self.chunk:
                    break
        return done

    async def _message(
        self, connection: asyncpg.Connection, producer: AIOKafkaProducer, topic: str, shard: int, sequence: int
    ) -> int:
        users = [row["user_id"] for row in await connection.fetch(_SELECT, shard, self.at, self.chunk)]
        if users:
            identities = [uuid4() for _ in users]
            await connection.execute(_UPDATE, users, self.at)
            await connection.execute(_LOG, users, self.at, identities, shard, sequence)
            decided_at = self.at.isoformat()
            records = [message(user, one, decided_at) for user, one in zip(users, identities, strict=True)]
            # The engine's messages too lie in the partition of the same number as their user's shard.
            await send(producer, topic, {shard: records})
        return len(users)
