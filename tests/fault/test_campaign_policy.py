"""Thresholds change while workers come and go; see the campaign."""

from pathlib import Path

from tests.campaigns import policy
from tests.harness.temporary import Services


async def test_everybody_is_judged_by_the_new_thresholds_from_the_next_tick_on(
    kafka: str, postgres_admin_dsn: str, tmp_path: Path
) -> None:
    outcome = await policy.run(Services(kafka, postgres_admin_dsn, tmp_path), seed=1, full=False)
    assert outcome.differences == []
