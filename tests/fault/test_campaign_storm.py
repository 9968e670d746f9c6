"""Workers that come and go every two seconds while ticks and activity go on, for half a minute.

`make campaigns` plays the same for two minutes.
"""

from datetime import UTC, datetime, timedelta

from tests.campaigns import storm
from tests.campaigns.generations import Kept, Line, generations_of, kept_shards
from tests.harness.temporary import Services

SEED = 1
BEGINNING = datetime(2024, 5, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return BEGINNING + timedelta(seconds=seconds)


def assigned(seconds: float, worker: str, *shards: int) -> Line:
    return Line(worker, at(seconds), {"event": "shards_assigned", "shards": list(shards)})


def taken_over(seconds: float, worker: str, shard: int) -> Line:
    return Line(worker, at(seconds), {"event": "shard_taken_over", "shard": shard})


async def test_workers_that_come_and_go_leave_no_difference(services: Services) -> None:
    outcome = await storm.run(services, seed=SEED, full=False)
    assert outcome.differences == [], outcome.figures


def test_each_distribution_of_the_shards_is_a_generation_with_its_commits() -> None:
    lines = [
        assigned(0.0, "a", 0, 1),
        assigned(2.0, "b", 1),
        assigned(2.1, "a", 0),
        assigned(5.0, "a", 0, 1),
        assigned(5.5, "a", 0, 1),
    ]
    found = generations_of(lines, [at(0.5), at(1.9), at(2.0), at(5.1)], at(8.0), {})
    assert [(one.lived, one.commits) for one in found] == [(2.0, 2), (3.0, 1), (0.5, 1), (2.5, 0)]
    assert found[1].shares == {"a": {0}, "b": {1}}


def test_a_generation_works_from_its_first_take_over_or_with_what_was_kept_until_its_members_are_gone() -> None:
    lines = [assigned(0.0, "a", 0, 1), taken_over(1.5, "a", 0), assigned(2.0, "a", 0), assigned(2.1, "b", 1)]
    found = generations_of(lines, [], at(8.0), {"a": at(3.0), "b": at(5.0)})
    assert [(one.lived, one.worked) for one in found] == [(2.0, 0.5), (3.0, 1.0)]


QUIET = [assigned(0, "a", 0, 1), taken_over(1, "a", 0), taken_over(1, "a", 1), assigned(2, "a", 0)]


def test_a_shard_that_was_given_away_and_comes_back_was_not_kept() -> None:
    kept = kept_shards([*QUIET, assigned(3, "a", 0, 1), taken_over(4, "a", 1)])
    assert kept == Kept(times=2, excused=0, for_nothing=[])


def test_a_kept_shard_that_was_lost_may_be_taken_over_again() -> None:
    lost = Line("a", at(3), {"event": "shard_lost", "shard": 0})
    assert kept_shards([*QUIET, lost, taken_over(4, "a", 0)]) == Kept(times=1, excused=1, for_nothing=[])


def test_a_kept_shard_that_is_taken_over_again_without_a_cause_is_found() -> None:
    assert len(kept_shards([*QUIET, taken_over(3, "a", 0)]).for_nothing) == 1
