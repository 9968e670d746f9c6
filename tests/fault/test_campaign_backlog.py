"""Hundreds of ticks wait, and workers die over them; see the campaign."""

from tests.campaigns import backlog
from tests.harness.temporary import Services


async def test_of_hundreds_of_waiting_ticks_each_shard_evaluates_the_newest_and_every_cycle_adds_up(
    services: Services,
) -> None:
    outcome = await backlog.run(services, seed=1, full=False)
    assert outcome.differences == []
