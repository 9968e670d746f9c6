"""The activity topic grows while ticks and activity go on; see the campaign."""

from tests.campaigns import growth
from tests.harness.temporary import Services


async def test_new_partitions_are_taken_and_users_move_there_without_a_second_message(services: Services) -> None:
    outcome = await growth.run(services, seed=1, full=False)
    assert outcome.differences == []
