"""Postgres is a hundred times slower than Kafka, which has a big backlog: the worker waits, and holds little of it.

What the engine publishes is compared with what the records say by construction, since 300,000 of them are too
many for the oracle of the other tests.
"""

import asyncio
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg

from tests.conditions import eventually
from tests.foreign import read_topic
from tests.harness import crowd
from tests.harness.deployment import Deployment, Worker
from tests.harness.feed import Feed, wait_for_cycles
from tests.harness.group import members
from tests.harness.lasting import lasts
from tests.harness.temporary import Services, temporary_deployment
from tests.harness.waiting import SECONDS, stop, wait_for_event

USERS, ROUNDS = 20_000, 15
RECORDS = USERS * ROUNDS
# One user of so many was active a day before all others.
IDLE_ONE_OF = 100
# A batch has at most 10,000 records, so that is a thousand a second; Kafka gives its readers over a hundred thousand.
BATCH_SECONDS = 10.0
# Two batches and more, and twice the session timeout.
SLOW_SECONDS = 22.0
# What a worker may hold for a shard: a fetch of 4 MiB that nobody took yet and another under way; and four batches of
# 10,000 records (one is read, two wait, one is being written), of which each takes 1.5 KB when it is decoded too.
# The whole backlog would be seven times as much.
MOST_BYTES = 2 * 4 * 2**20 + 4 * 10_000 * 1_500


async def run(services: Services) -> list[str]:
    """Every difference from what was promised."""
    async with temporary_deployment(services, "slow", partitions=1, variables=crowd.VARIABLES) as deployment:
        worker = deployment.start_worker()
        await wait_for_event(worker, "shard_taken_over")
        wrong = await _slow(deployment, worker)
        async with Feed(deployment) as feed:
            await feed.tick("2024-05-02T00:30:00Z")
        [cycle] = await wait_for_cycles(deployment, 1)
        await stop(worker)
        return wrong + _wrong_figures(cycle) + await asyncio.to_thread(_wrong_messages, deployment)


async def _slow(deployment: Deployment, worker: Worker) -> list[str]:
    """The backlog comes while Postgres is slow, and is taken in afterwards."""
    connection = await asyncpg.connect(deployment.dsn)
    await connection.execute(_SLOWNESS)
    await connection.execute("UPDATE public.slowness SET seconds = $1", BATCH_SECONDS)
    before, group = _resident(worker), await members(deployment.kafka, deployment.name)
    await asyncio.to_thread(_produce, deployment)

    async def check() -> None:
        assert worker.running, worker.tail()
        assert _resident(worker) - before < MOST_BYTES

    await lasts(check, SLOW_SECONDS)
    taken = await connection.fetchval("SELECT position FROM engagement.shard")
    peak = _resident(worker, "VmHWM") - before
    print(f"of {RECORDS} records {taken} were taken in {SLOW_SECONDS:g} s; at most {peak / 2**20:.0f} MiB were held")
    await connection.execute("UPDATE public.slowness SET seconds = 0")

    async def all_is_taken_in() -> None:
        assert await connection.fetchval("SELECT position FROM engagement.shard") == RECORDS

    await eventually(all_is_taken_in, SECONDS)
    await connection.close()
    wrong = [f"{taken} of {RECORDS} records were taken in: Postgres was not slow"] if taken > RECORDS / 5 else []
    after = await members(deployment.kafka, deployment.name)
    events = [name for name in ("shard_lost", "shard_interrupted") if worker.events(name)]
    if after != group or events or len(worker.events("shards_assigned")) != 1:
        wrong.append(f"the worker lost its membership or its shard: {group}, {after}, {events}")
    return wrong


_SLOWNESS = """
CREATE TABLE public.slowness AS SELECT 0.0::float AS seconds;
CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep(seconds) FROM public.slowness; RETURN NULL; END $$;
CREATE TRIGGER slow BEFORE INSERT ON engagement.users FOR EACH STATEMENT EXECUTE FUNCTION public.slow();
"""


def _produce(deployment: Deployment) -> None:
    """All records, by a client that is faster than ours."""
    file = deployment.folder / "backlog"
    with file.open("w", encoding="utf-8") as lines:
        lines.writelines(_lines())
    kcat = shutil.which("kcat") or shutil.which("kafkacat")
    assert kcat is not None, "kcat is not installed: `make system-deps` installs it"
    command = [kcat, "-b", deployment.kafka, "-P", "-t", deployment.topic("activity"), "-K", "\t", "-l", str(file)]
    subprocess.run([*command, "-X", "acks=all"], check=True, capture_output=True, timeout=SECONDS)
    file.unlink()


def _lines() -> Iterator[str]:
    """Every user once in each round; the minutes of the rounds are in disorder."""
    for minute in (number * 7 % ROUNDS for number in range(ROUNDS)):
        for user in range(USERS):
            day = 1 if _is_idle(user) else 2
            at = f"2024-05-{day:02}T00:{minute:02}:00Z"
            yield f'u{user}\t{{"type":"user.active","user_id":"u{user}","occurred_at":"{at}"}}\n'


def _is_idle(user: int) -> bool:
    return user % IDLE_ONE_OF == 0


def _resident(worker: Worker, figure: str = "VmRSS") -> int:
    """The worker's memory in bytes, now or at most so far."""
    status = Path(f"/proc/{worker.process.pid}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(figure))


def _wrong_figures(cycle: dict[str, object]) -> list[str]:
    found = (cycle["total_users"], cycle["messages_sent"])
    expected = (USERS, USERS // IDLE_ONE_OF)
    return [] if found == expected else [f"users and messages of the cycle: {found}, not {expected}"]


def _wrong_messages(deployment: Deployment) -> list[str]:
    records = read_topic(deployment.kafka, deployment.topic("messages"))
    found = sorted(json.loads(record.value or b"{}")["user_id"] for record in records)
    expected = sorted(f"u{user}" for user in range(USERS) if _is_idle(user))
    return [] if found == expected else [f"{len(found)} messages, not one for each of {len(expected)} idle users"]
