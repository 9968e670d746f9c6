"""A fifth of all activity goes astray while workers die; see the campaign."""

from pathlib import Path

from tests.campaigns import moves
from tests.harness.temporary import Services


async def test_users_who_move_get_no_second_message_and_the_figures_are_exact_once_the_moves_are_over(
    kafka: str, postgres_admin_dsn: str, tmp_path: Path
) -> None:
    outcome = await moves.run(Services(kafka, postgres_admin_dsn, tmp_path), seed=1, full=False)
    assert outcome.differences == []
