"""A worker whose Postgres is a hundred times slower than its Kafka."""

from tests.fault.postgres import slow
from tests.harness.temporary import Services


async def test_memory_stays_bounded_the_membership_lasts_and_all_is_taken_in(services: Services) -> None:
    assert await slow.run(services) == []
