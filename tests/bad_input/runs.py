"""What the tests look at: deployments that were fed with bad input, and what came out of them."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from domain.errors import REASONS
from tests.bad_input.deployments import PRODUCERS_TIME, Surroundings, deployment
from tests.bad_input.judging import Read, read
from tests.bad_input.kinds import TOPICS, Draft, Kind, good_draft
from tests.bad_input.playing import Sent, canary, play, producers, send
from tests.bad_records import KINDS
from tests.conditions import eventually
from tests.e2e.commands import background
from tests.foreign import read_topic
from tests.harness.deployment import Deployment
from tests.harness.feed import wait_for_cycles
from tests.harness.waiting import stop, wait_for_death

NARROW_BYTES = 20_000
_OF_EACH_REASON = 3
# A batch with bad records is written, none of it published; dead letters are sent, and that is not committed.
CRASH_POINTS = ("batch 4|after|2", "publish 2|after|2")


@dataclass(frozen=True, slots=True)
class Played:
    """What was produced, what came out, where workers were killed, and what the last one wrote meanwhile."""

    deployment: Deployment
    sent: list[Sent]
    found: Read
    killed_at: list[str]
    log: str


async def whole_table(around: Surroundings) -> Played:
    """All kinds, with Kafka timestamps of their own, through `engage run` as it is installed."""
    topics = {"activity": PRODUCERS_TIME, "ticks": PRODUCERS_TIME}
    async with deployment(around, "table", topics) as ours:
        sent = await play(ours, KINDS)
        with background(ours, "run") as worker:
            await _wait_for_all(ours, sent)
            assert await asyncio.to_thread(worker.stop) == 0, worker.log.read_text()[-3000:]
        return Played(ours, sent, await asyncio.to_thread(read, ours), [], worker.log.read_text())


async def with_kills(around: Surroundings) -> Played:
    """Three kinds for each reason and topic, with the broker's timestamps; two workers are killed among them."""
    async with deployment(around, "killed", {}) as ours:
        sent = await play(ours, some_of_each_reason())
        killed_at = [await wait_for_death(ours.start_worker(crash=point)) for point in CRASH_POINTS]
        survivor = ours.start_worker()
        await _wait_for_all(ours, sent)
        await stop(survivor)
        return Played(ours, sent, await asyncio.to_thread(read, ours), killed_at, survivor.log.read_text())


def some_of_each_reason() -> list[Kind]:
    """Of each reason and topic three kinds, and of good ones, that need no Kafka timestamp of their own."""
    found = []
    for topic in TOPICS:
        for reason in (*REASONS, None):
            ours = [kind for kind in KINDS if (kind.topic, kind.reason) == (topic, reason) and not kind.timed]
            found += ours[:_OF_EACH_REASON]
    return found


NARROW: dict[str, Callable[[Draft], Draft]] = {
    "large value": lambda draft: replace(draft, value=random.Random(1).randbytes(300_000)),
    "large header": lambda draft: replace(
        draft, value=b"{", headers=(("a", b"1"), ("large", bytes(50_000)), ("b", None), ("a", b""))
    ),
    "large key": lambda draft: replace(draft, value=b"{", key=random.Random(2).randbytes(100_000)),
    "all of it large": lambda draft: replace(
        draft, value=bytes(100_000), key=bytes(100_000), headers=(("h", bytes(9_000)),) * 20
    ),
    **{
        f"just fits {number}": lambda draft: replace(draft, value=random.Random(3).randbytes(NARROW_BYTES - 1_000))
        for number in range(9)
    },
}
"""Records that are larger than a dead-letter topic of 20,000 bytes takes; and some that fit, but not two together."""


async def narrow_topic(around: Surroundings) -> Played:
    """What is too large for the dead-letter topic in whatever way, between good records."""
    settings = {"max.message.bytes": str(NARROW_BYTES)}
    async with deployment(around, "narrow", {"dead-letters": settings}) as ours:
        sent: list[Sent] = []
        async with producers(ours.kafka) as by_codec:
            for name, change in {"": _as_it_is, **NARROW, " ": _as_it_is}.items():
                kind = Kind(name, "activity", "bad_json", "value", change) if name.strip() else None
                draft = change(good_draft("activity", canary(), datetime(2026, 11, 20, tzinfo=UTC)))
                sent.append(await send(ours, by_codec[None], draft, 0, kind))
            tick = good_draft("ticks", canary(), datetime(2026, 11, 22, tzinfo=UTC))
            sent.append(await send(ours, by_codec[None], tick, 0))
        worker = ours.start_worker()
        await _wait_for_all(ours, sent)
        await stop(worker)
        return Played(ours, sent, await asyncio.to_thread(read, ours), [], worker.log.read_text())


def _as_it_is(draft: Draft) -> Draft:
    return draft


async def _wait_for_all(deployment: Deployment, sent: list[Sent]) -> None:
    """Until there is a cycle for each good tick and, at least, a dead letter for each bad record."""
    bad = sum(one.bad for one in sent)
    await wait_for_cycles(deployment, sum(one.draft.topic == "ticks" and not one.bad for one in sent))

    async def check() -> None:
        letters = await asyncio.to_thread(read_topic, deployment.kafka, deployment.topic("dead-letters"))
        assert len(letters) >= bad, f"{len(letters)} dead letters of {bad}"

    await eventually(check, 60)
