"""Stands in for the loop of a web tutorial, without its libraries. With an argument, it forgets one user."""

import asyncio
import os
import sys
from datetime import datetime

import asyncpg

CREATE = """
CREATE TABLE user_account (id integer PRIMARY KEY, name text, last_active timestamptz);
CREATE TABLE message (user_id integer, sent_at timestamptz);
"""
MESSAGE = """
INSERT INTO message
SELECT id, $1 FROM user_account
WHERE $1::timestamptz - last_active > interval '1 hour'
  AND NOT EXISTS (SELECT FROM message WHERE user_id = id AND $1 - sent_at < interval '24 hours')
ORDER BY id OFFSET $2
"""


async def main() -> None:
    connection = await asyncpg.connect(os.environ["POSTGRES_DSN"])
    await connection.execute(CREATE)
    print("ready", flush=True)
    for line in sys.stdin:
        await connection.execute(MESSAGE, datetime.fromisoformat(line.strip()), len(sys.argv) - 1)
        print("ended", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
