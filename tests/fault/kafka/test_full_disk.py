"""The broker's disk is full: it ends by itself, the worker waits for it, and afterwards all goes on."""

import asyncio
import resource
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from deploy.local.kafka import KafkaBroker
from tests.campaigns.outage_scene import scene
from tests.conditions import until
from tests.harness.temporary import Services
from tests.harness.waiting import SECONDS, wait_for_pause

POINT = "publish 1|after|20"


async def test_a_worker_in_the_middle_of_a_tick_outlives_a_broker_whose_disk_is_full(services: Services) -> None:
    broker = KafkaBroker(services.folder / "kafka")
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(max_workers=1) as thread:  # services end with the thread that started them
        await loop.run_in_executor(thread, broker.start)
        try:
            async with scene(replace(services, kafka=broker.bootstrap_servers), "full disk") as each:
                await each.start(pauses=f"{POINT}|stop")
                await each.produce(1)
                await each.ends(1)
                await each.produce(2)
                assert await wait_for_pause(each.worker) == POINT
                fill_disk(broker.pid)
                each.worker.resume()
                await until(lambda: has_ended(broker.pid), SECONDS)
                await loop.run_in_executor(thread, broker.kill)
                await loop.run_in_executor(thread, broker.start)
                await each.ends(2)
                assert await each.end() == []
        finally:
            await loop.run_in_executor(thread, broker.stop)


def fill_disk(pid: int) -> None:
    """From here on no file of the process gets any longer, as on a disk without room: each write that needs fails."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))


async def has_ended(pid: int) -> bool:
    return await asyncio.to_thread(is_over, pid)


def is_over(pid: int) -> bool:
    """Whether a process that this one has started runs no more."""
    # The name in brackets may hold anything; after it comes the state.
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "Z"
