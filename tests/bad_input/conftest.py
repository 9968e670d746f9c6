"""The deployments of these tests, side by side: they mostly wait."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest

from tests.bad_input.deployments import Surroundings, surroundings
from tests.bad_input.runs import Played, narrow_topic, whole_table, with_kills
from tests.harness.temporary import side_by_side

_RUNS = {"table": whole_table, "kills": with_kills, "narrow": narrow_topic}


@pytest.fixture(scope="package")
async def around(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Surroundings]:
    async with surroundings(kafka, tmp_path_factory.mktemp("bad-input")) as around:
        yield around


@pytest.fixture(scope="package")
async def runs(around: Surroundings) -> AsyncIterator[dict[str, "asyncio.Task[Played]"]]:
    """Each run as a task to be awaited."""
    jobs = {name: partial(run, around) for name, run in _RUNS.items()}
    async with side_by_side(jobs, len(jobs)) as tasks:
        yield tasks


@pytest.fixture
async def table(runs: dict[str, "asyncio.Task[Played]"]) -> Played:
    return await runs["table"]


@pytest.fixture
async def kills(runs: dict[str, "asyncio.Task[Played]"]) -> Played:
    return await runs["kills"]


@pytest.fixture
async def narrow(runs: dict[str, "asyncio.Task[Played]"]) -> Played:
    return await runs["narrow"]
