"""The story of an owner that sleeps through a whole day of the crowd, in which another one dies."""

from tests.harness import crowd
from tests.harness.deployment import Worker
from tests.harness.mutants.stage import Result, Stage, stage, stopped_at
from tests.harness.temporary import Services
from tests.harness.waiting import wait_for_death, wait_for_event, wait_until_cycles, wait_until_taken_in

_BEGINNING_DAY_2 = "tick 1|after|2"
_PUBLISHED_NOT_CONFIRMED = "publish 3|after|2"


async def woken_owner(services: Services, mutant: str) -> Result:
    """An owner sleeps as its successor dies with messages that are published and not confirmed, and wakes up later.

    It fell asleep just as it began the second day's tick; a third worker ends that, and learns of more users and late
    events. Then the first one wakes up in the middle of its sentence.
    """
    async with stage(services, "woken owner", mutant) as of:
        paused = of.start(f"{_BEGINNING_DAY_2}|stop")
        await crowd.first_day(of.feed)
        await wait_until_cycles(of.deployment, 1)
        await _pause_at_second_day(of, paused)
        assert await wait_for_death(of.start(_PUBLISHED_NOT_CONFIRMED)) == _PUBLISHED_NOT_CONFIRMED
        successor = of.start()
        await wait_until_cycles(of.deployment, 2)
        await of.feed.activity(crowd.staying_awake())
        await wait_until_taken_in(successor, of.feed)
        await of.feed.activity(crowd.late_events())
        await of.feed.activity(crowd.latecomers())
        await wait_until_taken_in(successor, of.feed)
        paused.resume()
        # It learns of its lost membership only after what it was doing.
        await wait_for_event(paused, "shards_assigned", 2)
        await crowd.third_day(of.feed)
        await of.cycles(3)
        return await of.result()


async def _pause_at_second_day(of: Stage, worker: Worker) -> None:
    """Its activity is in the state when its tick comes, so that nothing keeps the worker from beginning that."""
    await crowd.second_day_activity(of.feed)
    await wait_until_taken_in(worker, of.feed)
    await of.feed.tick(crowd.midnight(3), "day 2")
    await stopped_at(worker, _BEGINNING_DAY_2)
