"""Thresholds change while workers come and go; see the campaign."""

from tests.campaigns import policy
from tests.harness.temporary import Services


async def test_everybody_is_judged_by_the_new_thresholds_from_the_next_tick_on(services: Services) -> None:
    outcome = await policy.run(services, seed=1, full=False)
    assert outcome.differences == []
