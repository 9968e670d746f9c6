"""`python -m benchmarks.feed KAFKA TOPIC RATE`: activity of users who are active now, until it is ended."""

import asyncio
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count, islice

from aiokafka import AIOKafkaProducer

from benchmarks.streams import PARTITIONS, event, written

_USERS = 20_000
_PAUSE_SECONDS = 0.05
_BATCH_BYTES = 900_000


async def main(kafka: str, topic: str, rate: int) -> None:
    """Write so many events a second."""
    users = [f"busy-{number:05}" for number in range(_USERS)]
    by_partition = [_for_ever(users[number::PARTITIONS]) for number in range(PARTITIONS)]
    each = round(rate * _PAUSE_SECONDS / PARTITIONS)
    async with AIOKafkaProducer(bootstrap_servers=kafka, max_batch_size=_BATCH_BYTES) as producer:
        for number in count(1):
            due = time.monotonic() + _PAUSE_SECONDS
            at = written(datetime.now(UTC))
            for partition, some in enumerate(by_partition):
                batch = producer.create_batch()
                for user in islice(some, each):
                    batch.append(key=user.encode(), value=event(user, at, number), timestamp=None)
                await producer.send_batch(batch, topic, partition=partition)
            await asyncio.sleep(max(0.0, due - time.monotonic()))


def _for_ever(users: list[str]) -> Iterator[str]:
    while True:
        yield from users


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
