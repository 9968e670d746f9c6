"""Campaigns of one story each, at a small size; `make campaigns` plays them at full size.

Those of kills, of storms and of moves show more than one thing, and have files of their own.
"""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest

from tests.campaigns import backlog, growth, policy
from tests.campaigns.outcome import Outcome
from tests.harness.temporary import Services, side_by_side

SEED = 1
# The first test waits for all that lies before its own campaign, on a machine that does other things too.
pytestmark = pytest.mark.timeout(600)

Tasks = dict[str, "asyncio.Task[Outcome]"]


@pytest.fixture(scope="module")
async def outcomes(services: Services) -> AsyncIterator[Tasks]:
    """What comes of each; they mostly wait, so they run side by side."""
    jobs = {
        campaign.__name__: partial(campaign.run, services, seed=SEED, full=False)
        for campaign in (growth, policy, backlog)
    }
    async with side_by_side(jobs, len(jobs)) as tasks:
        yield tasks


async def test_new_partitions_are_taken_and_users_move_there_without_a_second_message(outcomes: Tasks) -> None:
    outcome = await outcomes[growth.__name__]
    assert outcome.differences == []


async def test_everybody_is_judged_by_the_new_thresholds_from_the_next_tick_on(outcomes: Tasks) -> None:
    outcome = await outcomes[policy.__name__]
    assert outcome.differences == []


async def test_of_hundreds_of_waiting_ticks_each_shard_evaluates_the_newest_and_every_cycle_adds_up(
    outcomes: Tasks,
) -> None:
    outcome = await outcomes[backlog.__name__]
    assert outcome.differences == []
