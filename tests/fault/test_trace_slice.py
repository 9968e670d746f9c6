"""Some weeks of a recorded trace, delivered in disorder, through the real command and two workers that may be killed.

`make trace` plays the whole of it; this is the same in miniature.
"""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest

from tests.harness.temporary import Services, side_by_side, temporary_deployment
from tests.trace.campaign import PARTITIONS, Campaign, Result, run_campaign
from tests.trace.policies import POLICIES
from tests.trace_data import DAY_SECONDS, FIRST_SECOND, Row, college_messages, sampled

# From the community's best weeks, when users come and go: old ones, new ones and sleepers.
FIRST_DAY, LAST_DAY = 24, 40
USERS = 150
CHUNK_USERS = 5
SEED = 1

DISTURBED = Campaign("disturbed", disturbed=True, chunk_users=CHUNK_USERS)
KILLED = Campaign("killed", disturbed=True, chunk_users=CHUNK_USERS, kills=3, kills_in_ticks=1)
CAMPAIGNS = {
    "production disturbed": ("production", DISTURBED),
    "eager disturbed": ("eager", DISTURBED),
    "eager killed": ("eager", KILLED),
}

Tasks = dict[str, "asyncio.Task[Result]"]


@pytest.fixture(scope="module")
async def results(services: Services) -> AsyncIterator[Tasks]:
    """What each campaign sees; they mostly wait, so they run side by side."""
    rows = weeks()
    jobs = {name: partial(play, services, name, rows) for name in CAMPAIGNS}
    async with side_by_side(jobs, len(jobs)) as tasks:
        yield tasks


@pytest.mark.parametrize("name", CAMPAIGNS)
async def test_a_trace_gives_exactly_what_the_oracle_expects(results: Tasks, name: str) -> None:
    result = await results[name]
    assert result.differences == [], "\n".join([name, *map(str, result.kills), *result.differences[:20]])


def weeks() -> list[Row]:
    """Some users of some weeks of the trace."""
    first, last = (FIRST_SECOND + day * DAY_SECONDS for day in (FIRST_DAY, LAST_DAY))
    return sampled((row for row in college_messages() if first < row.seconds <= last), USERS)


async def play(services: Services, name: str, rows: list[Row]) -> Result:
    """One campaign in a deployment of its own."""
    policy, campaign = POLICIES[CAMPAIGNS[name][0]], CAMPAIGNS[name][1]
    deployments = temporary_deployment(services, name, partitions=PARTITIONS, variables=policy.variables)
    async with deployments as deployment:
        return await run_campaign(campaign, policy, rows, deployment, seed=SEED)
