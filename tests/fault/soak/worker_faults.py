"""Faults of workers: killed, stopped, paused, at any moment or at a numbered step, and many that come and go."""

import asyncio
import random
import time
from collections.abc import Sequence

from consumer.steps import STEPS
from tests.fault.soak.crew import Place
from tests.fault.soak.kinds import SESSION_SECONDS
from tests.fault.soak.scene import MissedError, Scene, Strike, Struck
from tests.fault.soak.schedule import PlannedFault
from tests.fault.soak.worker import STOP

_LOOK_SECONDS = 0.02
# A worker that sleeps at a step has to sleep for longer than its session lasts.
_PAST_SESSION_SECONDS = SESSION_SECONDS + 1.0
_STORM_SECONDS = (1.0, 2.0)
_MOST_NEWCOMERS = 3


def points() -> list[str]:
    """Before and after each numbered step; nothing lies between two steps that is in neither list."""
    return [f"{step}|{moment}" for step in STEPS for moment in ("before", "after")]


def _chosen(planned: PlannedFault, choices: Sequence[str]) -> str:
    return choices[int(planned.chance * len(choices))]


async def kill(scene: Scene, planned: PlannedFault) -> Struck:
    place = scene.place(planned)
    begun = time.monotonic()
    await scene.crew.kill(place)
    return Struck(begun, time.monotonic())


async def stop(scene: Scene, planned: PlannedFault) -> Struck:
    place = scene.place(planned)
    begun = time.monotonic()
    await scene.crew.stop(place)
    return Struck(begun, time.monotonic())


async def kill_at_step(scene: Scene, planned: PlannedFault) -> Struck:
    place, point = scene.place(planned), _chosen(planned, points())
    place.order(point)
    await _carried_out(place, point, planned.seconds)
    now = time.monotonic()
    return Struck(now, now, point)


async def pause(scene: Scene, planned: PlannedFault) -> Struck:
    place = scene.place(planned)
    worker = place.worker
    assert worker is not None
    begun = time.monotonic()
    worker.pause()
    try:
        await scene.hold(planned)
    finally:
        worker.resume()
    return Struck(begun, time.monotonic())


async def pause_at_step(scene: Scene, planned: PlannedFault) -> Struck:
    place, point = scene.place(planned), _chosen(planned, points())
    worker = place.worker
    assert worker is not None
    place.order(point + STOP)
    try:
        await _carried_out(place, point, planned.seconds - _PAST_SESSION_SECONDS)
        begun = time.monotonic()
        await asyncio.sleep(max(_PAST_SESSION_SECONDS, scene.started + planned.ends - begun))
    finally:
        place.withdraw_order()
        worker.resume()
    return Struck(begun, time.monotonic(), point)


async def storm(scene: Scene, planned: PlannedFault) -> Struck:
    """Newcomers come, are stopped and are killed, each second or two."""
    rng = random.Random(planned.chance)
    begun = time.monotonic()
    present: list[Place] = []
    leaving: list[asyncio.Task[None]] = []
    came = killed = 0
    try:
        while time.monotonic() < scene.started + planned.ends or came < 2:
            at_work = [place for place in present if place.worker and place.worker.events("service_started")]
            if len(present) < _MOST_NEWCOMERS and (not at_work or rng.random() < 0.5):
                present.append(scene.crew.newcomer())
                present[-1].start()
                came += 1
            elif at_work:
                present.remove(at_work[0])
                if rng.random() < 0.5:
                    await scene.crew.kill(at_work[0])
                    killed += 1
                else:
                    leaving.append(asyncio.create_task(scene.crew.stop(at_work[0])))
            await asyncio.sleep(rng.uniform(*_STORM_SECONDS))
    finally:
        leaving += [asyncio.create_task(scene.crew.stop(place)) for place in present]
        await asyncio.gather(*leaving)
    return Struck(begun, time.monotonic(), f"{came} came, {killed} of them were killed")


async def _carried_out(place: Place, point: str, seconds: float) -> None:
    """Wait until the worker has reached the point; raises MissedError, and forgets it, when it doesn't."""
    over = time.monotonic() + seconds
    while not place.carried_out:
        if time.monotonic() > over:
            place.withdraw_order()
            raise MissedError(f"{place.name} did not come to {point}")
        await asyncio.sleep(_LOOK_SECONDS)


STRIKES: dict[str, Strike] = {
    "worker killed": kill,
    "worker killed at a step": kill_at_step,
    "worker stopped": stop,
    "worker paused within its session": pause,
    "worker paused past its session": pause,
    "worker paused at a step": pause_at_step,
    "rebalance storm": storm,
}
