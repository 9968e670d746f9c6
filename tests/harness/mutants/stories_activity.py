"""Stories of activity that comes late, or is read again."""

from collections.abc import Iterator
from typing import Any

from tests.harness import crowd
from tests.harness.mutants import wire
from tests.harness.mutants.stage import (
    AS_FAR_AHEAD_AS_IT_MAY,
    FIRST_ENTRY,
    Result,
    stage,
    wired,
)
from tests.harness.temporary import Services
from tests.harness.waiting import wait_for_event

_BAD: list[tuple[bytes | None, bytes | None]] = [(b"old1", b"nonsense"), (b"old1", None)]
_DEATHS = ("batch 2|after|1", "batch 4|after|1")
# The first may be on its way already, the second is sent when what came is handed over.
_AFTER_READING = 2


async def late_activity(services: Services, mutant: str) -> Result:
    """Activity comes between the chunks of a tick; later, a tick comes before the activity that was produced first."""
    async with stage(services, "late activity", mutant) as of, wired(of) as between:
        # Nothing is published from here on, so the tick waits between two chunks.
        commit = between.hold(wire.commit, of.deployment.name, FIRST_ENTRY)
        worker = of.start()
        await crowd.first_day(of.feed)
        await commit.arrived()
        await of.until_shard(0, AS_FAR_AHEAD_AS_IT_MAY)
        await of.feed.activity(_everyone_back())
        read = between.hold(wire.fetch, of.feed.activity_topic, _AFTER_READING)
        await read.arrived()
        read.release()
        commit.release()
        await of.cycles(1)
        # Nothing is read from here on.
        read = between.hold(wire.fetch, of.feed.activity_topic)
        await read.arrived()
        await crowd.second_day_activity(of.feed)
        await of.feed.tick(crowd.midnight(3), "day 2")
        await wait_for_event(worker, "tick_chosen", 2)
        read.release()
        await of.cycles(2)
        return await of.result()


async def deaths_in_batches(services: Services, mutant: str) -> Result:
    """A worker dies when it has begun to write its first batch, and the next one when it has written it."""
    async with stage(services, "deaths in batches", mutant) as of:
        await of.feed.records(_BAD)
        await crowd.first_day(of.feed)
        for point in _DEATHS:
            await of.death(of.start(point))
            await of.expel_all()
        of.start()
        await of.cycles(1)
        return await of.result()


def _everyone_back() -> Iterator[dict[str, Any]]:
    """Just before the first midnight, all of the first day's users."""
    for n in range(120):
        yield {"type": "user.active", "user_id": f"old{n}", "occurred_at": "2024-05-01T23:30:00Z"}
