"""The engine's ingest as a FastStream application: a handler for each message, with one upsert in it. At least once.

A message is acknowledged, by a commit of its offset, once its upsert is done. FastStream's default is the other way
round: a crash would lose what is under way. A worker for each partition is no faster on two cores.
"""

import asyncio
import os
from datetime import datetime

import asyncpg
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker
from pydantic import BaseModel

CREATE = """
CREATE TABLE IF NOT EXISTS user_state (
    user_id text PRIMARY KEY, last_active timestamptz NOT NULL, last_messaged timestamptz, wake_at timestamptz NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX IF NOT EXISTS user_state_wake_at ON user_state (wake_at);
"""
UPSERT = """
INSERT INTO user_state (user_id, last_active, wake_at) VALUES ($1, $2, $2::timestamptz + interval '30 minutes')
ON CONFLICT (user_id) DO UPDATE SET last_active = greatest(user_state.last_active, excluded.last_active)
"""


class UserActivity(BaseModel):
    """An event."""

    type: str
    user_id: str
    occurred_at: datetime
    source: str


broker = KafkaBroker(os.environ["KAFKA"])
begun = asyncio.Event()


@broker.subscriber(
    os.environ["TOPIC"],
    group_id=os.environ["GROUP"],
    auto_offset_reset="earliest",
    ack_policy=AckPolicy.NACK_ON_ERROR,
)
async def on_activity(event: UserActivity) -> None:
    """Keep the latest time of the user."""
    if not begun.is_set():
        begun.set()
        print("first_record", flush=True)
    await database.execute(UPSERT, event.user_id, event.occurred_at)


async def main() -> None:
    """Work until SIGTERM."""
    global database  # noqa: PLW0603 - a handler is given nothing but its message
    database = await asyncpg.connect(os.environ["POSTGRES_DSN"])
    try:
        await database.execute(CREATE)
        await FastStream(broker).run()
    finally:
        await database.close()


if __name__ == "__main__":
    asyncio.run(main())
