"""A fifth of all activity goes astray while workers die; see the campaign."""

from tests.campaigns import moves
from tests.harness.temporary import Services


async def test_users_who_move_get_no_second_message_and_the_figures_are_exact_once_the_moves_are_over(
    services: Services,
) -> None:
    outcome = await moves.run(services, seed=1, full=False)
    assert outcome.differences == []
