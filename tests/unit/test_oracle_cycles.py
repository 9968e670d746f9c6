"""The oracle where shards treat a tick differently: partial cycles, and thresholds that differ."""

import pytest

from tests import oracle
from tests.campaigns.choices import Choice, Choices
from tests.oracle import DAY, HOUR, Expected, Thresholds, Treatment
from tests.unit.oracle_log import NOON, Log, ago

SHORT = Thresholds(inactivity=HOUR)
LONG = Thresholds(inactivity=2 * DAY)


def two_users() -> Log:
    """One user in each of the two shards, idle for a day and a half at noon; ticks two hours before, and at noon."""
    log = Log()
    log.active("1", ago(36 * HOUR), partition=0)
    log.active("2", ago(36 * HOUR), partition=1)
    log.tick(ago(2 * HOUR), tick_id="early")
    log.tick(NOON, tick_id="noon")
    return log


def expect(log: Log, treatment: Treatment) -> Expected:
    ticks = [record for record in log.produced if record.topic == "ticks"]
    activity = [record for record in log.produced if record.topic == "activity"]
    return oracle.expect_by_shard(activity, ticks, oracle.barriers_in_order(log.produced, "ticks", 2), treatment)


def messages(expected: Expected) -> list[tuple[bytes, object]]:
    return [(message.key, message.value["tick_id"]) for message in expected.messages]


def test_a_partial_cycle_has_the_figures_of_the_shards_that_evaluated_it() -> None:
    treated = {(0, 0): SHORT, (0, 1): None, (1, 0): SHORT, (1, 1): SHORT}
    expected = expect(two_users(), lambda *place: treated[place])
    assert [cycle.value["status"] for cycle in expected.cycles] == ["Cycle partial", "Cycle complete"]
    assert [cycle.value["shards"] for cycle in expected.cycles] == [
        {"evaluated": 1, "coalesced": 1},
        {"evaluated": 2, "coalesced": 0},
    ]
    assert [cycle.value["total_users"] for cycle in expected.cycles] == [1, 2]
    assert messages(expected) == [(b"1", "early"), (b"2", "noon")]


def test_each_user_is_judged_by_the_thresholds_of_their_own_shard() -> None:
    expected = expect(two_users(), lambda _offset, shard: (SHORT, LONG)[shard])
    assert messages(expected) == [(b"1", "early")]
    reasons = [cycle.value["detailed_stats"]["skip_reasons"] for cycle in expected.cycles]  # type: ignore[index]
    assert reasons == [{"active": 1, "recently_messaged": 0}, {"active": 1, "recently_messaged": 1}]


def test_a_user_in_two_shards_that_treat_a_tick_differently_is_not_covered() -> None:
    log = two_users()
    log.active("1", ago(36 * HOUR), partition=1)
    log.tick("2026-11-22T12:00:01Z")
    with pytest.raises(ValueError, match="treat the tick differently"):
        expect(log, lambda offset, shard: None if (offset, shard) == (2, 0) else (SHORT, LONG)[shard])
    assert expect(log, lambda *_: SHORT).cycles[2].value["total_users"] == 2


def choice(shard: int, epoch: int, first: int, offset: int, thresholds: Thresholds = SHORT) -> Choice:
    return Choice(shard, epoch, f"2026-11-22T12:00:{epoch:02}Z", first, offset, thresholds)


def test_a_shard_coalesces_from_its_cursor_up_to_what_it_chose() -> None:
    choices = Choices([choice(0, 1, 0, 0), choice(0, 1, 1, 4), choice(1, 1, 0, 4)])
    assert [choices(offset, 0) for offset in range(5)] == [SHORT, None, None, None, SHORT]
    assert choices.evaluating(0, [0, 1]) == [0]
    assert choices.evaluating(4, [0, 1]) == [0, 1]
    with pytest.raises(LookupError, match="shard 1 neither"):
        choices(5, 1)


def test_what_a_successor_says_of_a_tick_counts() -> None:
    """The first owner chose in vain: its successor begins at the same cursor, with its own thresholds."""
    in_vain, chosen, begun = choice(0, 1, 0, 2), choice(0, 2, 0, 3, LONG), choice(0, 3, 4, 5)
    choices = Choices([begun, chosen, in_vain])
    assert [choices(offset, 0) for offset in range(6)] == [None, None, None, LONG, None, SHORT]


def test_a_choice_made_again_counts_with_the_thresholds_of_who_made_it_last() -> None:
    assert Choices([choice(0, 2, 0, 2, LONG), choice(0, 1, 0, 2)])(2, 0) == LONG
