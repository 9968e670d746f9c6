"""The plain asyncio script: read, validate, keep the latest per user, one upsert, commit. At least once.

What somebody writes in an afternoon who knows Kafka, asyncpg and pydantic well. It owns nothing and fences nothing, a
late commit may repeat a batch, and no index of it says who is due.
"""

import asyncio
import os
import signal
import time
from datetime import datetime

import asyncpg
from aiokafka import AIOKafkaConsumer
from pydantic import BaseModel

CREATE = """
CREATE TABLE IF NOT EXISTS user_state (
    user_id text PRIMARY KEY, last_active timestamptz NOT NULL, last_messaged timestamptz, wake_at timestamptz NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX IF NOT EXISTS user_state_wake_at ON user_state (wake_at);
"""
UPSERT = """
INSERT INTO user_state (user_id, last_active, wake_at)
SELECT user_id, last_active, last_active + interval '30 minutes'
FROM unnest($1::text[], $2::timestamptz[]) AS given (user_id, last_active)
ON CONFLICT (user_id) DO UPDATE SET last_active = greatest(user_state.last_active, excluded.last_active)
"""


class UserActivity(BaseModel):
    """An event, as a user of pydantic models it."""

    type: str
    user_id: str
    occurred_at: datetime
    source: str


async def main() -> None:
    """Work until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    most = int(os.environ["MAX_RECORDS"])
    database = await asyncpg.connect(os.environ["POSTGRES_DSN"])
    await database.execute(CREATE)
    upsert = await database.prepare(UPSERT)
    consumer = AIOKafkaConsumer(
        os.environ["TOPIC"],
        bootstrap_servers=os.environ["KAFKA"],
        group_id=os.environ["GROUP"],
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        # The default would end the larger polls near 10,000 records.
        max_partition_fetch_bytes=max(1, most // 10_000) * 2**21,
    )
    await consumer.start()
    begun = False
    try:
        while not stop.is_set():
            found = await consumer.getmany(timeout_ms=200, max_records=most)
            if not found:
                continue
            if not begun:
                print(f"first_record {time.time()}", flush=True)
                begun = True
            latest: dict[str, datetime] = {}
            for records in found.values():
                for record in records:
                    event = UserActivity.model_validate_json(record.value)
                    known = latest.get(event.user_id)
                    if known is None or event.occurred_at > known:
                        latest[event.user_id] = event.occurred_at
            users = sorted(latest)
            await upsert.fetch(users, [latest[user] for user in users])
            await consumer.commit()
    finally:
        await consumer.stop()
        await database.close()


if __name__ == "__main__":
    asyncio.run(main())
