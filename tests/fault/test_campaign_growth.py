"""The activity topic grows while ticks and activity go on; see the campaign."""

from pathlib import Path

from tests.campaigns import growth
from tests.harness.temporary import Services


async def test_new_partitions_are_taken_and_users_move_there_without_a_second_message(
    kafka: str, postgres_admin_dsn: str, tmp_path: Path
) -> None:
    outcome = await growth.run(Services(kafka, postgres_admin_dsn, tmp_path), seed=1, full=False)
    assert outcome.differences == []
