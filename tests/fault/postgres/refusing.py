"""Postgres answers and takes nothing for a while: the workers pause, say so, and go on by themselves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from tests.campaigns.outage_scene import PARTITIONS, Scene, last_day
from tests.harness import crowd
from tests.harness.feed import Feed
from tests.harness.http import Answer, Http
from tests.harness.lasting import lasts
from tests.harness.temporary import Services, temporary_deployment
from tests.harness.waiting import wait_for_event

# The watchdog must sit through what no restart would end: the time of ten of its looks, and as much again.
STUCK_EXIT_SECONDS = 8
REFUSING_SECONDS = 2.0 * STUCK_EXIT_SECONDS


@asynccontextmanager
async def served_scene(services: Services, name: str) -> AsyncIterator[Scene]:
    """A deployment of its own with two shards, whose workers can be asked over HTTP; none runs yet."""
    variables = crowd.VARIABLES | {"STUCK_EXIT_SECONDS": str(STUCK_EXIT_SECONDS), "HTTP_PORT": "0"}
    async with (
        temporary_deployment(services, name, partitions=PARTITIONS, variables=variables) as deployment,
        Feed(deployment) as feed,
    ):
        yield Scene(name, deployment, feed)


async def sit_out(each: Scene, refusal: AbstractAsyncContextManager[None], word: str) -> list[str]:
    """Three days; during the second one Postgres refuses. Returns every difference from what was promised.

    ``word`` stands in what the worker says of the refusal.
    """
    await each.start()
    [listening] = await wait_for_event(each.worker, "http_listening")
    http = Http(listening["port"])
    await each.produce(1)
    await each.ends(1)
    before = await each.membership()
    async with refusal:
        await each.produce(2)
        await wait_for_event(each.worker, "shard_interrupted")
        await http.wait_until("/readyz", refuses)

        async def check() -> None:
            assert each.worker.running, each.worker.tail()
            answer = await asyncio.to_thread(http.get, "/readyz")
            assert refuses(answer), answer.text
            assert (await asyncio.to_thread(http.get, "/livez")).status == 200

        await lasts(check, REFUSING_SECONDS)
        during = await each.membership()
    await each.ends(2)
    await http.wait_until_ready()
    wrong = await last_day(3, each)
    if during != before:
        wrong.append(f"{each.name}: the group before and during the refusal: {before}, {during}")
    reasons = {event["reason"] for event in each.worker.events("shard_interrupted")}
    if not any(word in reason for reason in reasons):
        wrong.append(f"{each.name}: {word} does not stand in {reasons}")
    return wrong


def refuses(answer: Answer) -> bool:
    """Whether the worker says that it is not ready."""
    return answer.status == 503
