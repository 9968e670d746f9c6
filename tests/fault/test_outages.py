"""Kafka or Postgres goes away for a while: the same processes go on, and what comes out is as if it had not."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.campaigns.outages import CASES, jobs
from tests.campaigns.outcome import Outcome
from tests.harness.temporary import Services, side_by_side

SEED = 1
# Three outages one after the other, on a machine that does other things too; the first test waits for all of it.
pytestmark = pytest.mark.timeout(600)
Tasks = dict[str, "asyncio.Task[Outcome]"]


@pytest.fixture(scope="module")
async def outcomes(services: Services) -> AsyncIterator[Tasks]:
    """What each case gave; they mostly wait, so they run side by side."""
    async with side_by_side(jobs(services, seed=SEED, full=False), len(CASES)) as tasks:
        yield tasks


@pytest.mark.parametrize("name", CASES)
async def test_an_outage_makes_no_difference(outcomes: Tasks, name: str) -> None:
    outcome = await outcomes[name]
    assert outcome.differences == []
