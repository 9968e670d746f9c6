"""Hundreds of ticks wait, and workers die over them; see the campaign."""

from pathlib import Path

from tests.campaigns import backlog
from tests.harness.temporary import Services


async def test_of_hundreds_of_waiting_ticks_each_shard_evaluates_the_newest_and_every_cycle_adds_up(
    kafka: str, postgres_admin_dsn: str, tmp_path: Path
) -> None:
    outcome = await backlog.run(Services(kafka, postgres_admin_dsn, tmp_path), seed=1, full=False)
    assert outcome.differences == []
