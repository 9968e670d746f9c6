"""What can befall Postgres, each with a worker process on a server that it really befalls, judged from outside."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial

import pytest

from tests.fault.postgres import contention, disk_full, failover, frozen_backend, read_only
from tests.harness.temporary import Services, side_by_side

SEED = 5
AT_ONCE = 6
Job = Callable[[Services, random.Random], Awaitable[list[str]]]

FAULTS: dict[str, Job] = {
    "a process of the server freezes": frozen_backend.run,
    "the primary freezes and its standby takes over": partial(failover.run, outage="frozen"),
    "the primary is killed and its standby takes over": partial(failover.run, outage="killed"),
    "the primary takes no writes": read_only.run,
    "the disk is full": disk_full.run,
    "deadlock, serialization, lock timeout, cancelled statement": contention.run,
}
pytestmark = pytest.mark.timeout(600)
Tasks = dict[str, "asyncio.Task[list[str]]"]


@pytest.fixture(scope="module")
async def differences(services: Services) -> AsyncIterator[Tasks]:
    """What differs at the end, by fault. They mostly wait, so they run side by side."""

    async def run(name: str) -> list[str]:
        folder = services.folder / name.replace(" ", "-").replace(",", "")
        folder.mkdir()
        return await FAULTS[name](replace(services, folder=folder), random.Random(f"{SEED}/{name}"))

    async with side_by_side({name: partial(run, name) for name in FAULTS}, AT_ONCE) as tasks:
        yield tasks


@pytest.mark.parametrize("fault", FAULTS)
async def test_it_makes_no_difference(fault: str, differences: Tasks) -> None:
    assert await differences[fault] == []
