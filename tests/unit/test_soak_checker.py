"""The judge of fault runs accepts whatever prefixes shards decide on, and finds decisions that no prefix explains."""

from collections.abc import Collection

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fault.soak.checker.judgement import Judgement
from tests.fault.soak.checker.judging import judge
from tests.fault.soak.checker.rehearsal import QUIET, Asked, Rehearsal, rehearsed
from tests.fault.soak.checker.rehearsed_engine import Shard
from tests.oracle import HOUR, Verdict

seeds = st.integers(0, 2**32)


def broken(judgement: Judgement) -> dict[str, list[str]]:
    return {name: found.examples for name, found in judgement.invariants.items() if found.number}


@settings(max_examples=50)
@given(seed=seeds, ticks=st.lists(st.sampled_from([1, 1, 1, 2, 4]), max_size=6), data=st.data())
def test_whatever_prefixes_the_shards_decide_on_is_accepted(seed: int, ticks: list[int], data: st.DataObject) -> None:
    rehearsal = Rehearsal(seed)
    for number in ticks:
        rehearsal.round(number)
        if data.draw(st.booleans()):
            rehearsal.tick(bad=True)
            rehearsal.tick(stale=True)
    judgement = judge(rehearsal.evidence())
    assert judgement.sound, judgement.lines()
    assert judgement.checked["ticks"] == judgement.checked["cycles"] == sum(ticks)


def decide(
    rehearsal: Rehearsal,
    one: Asked,
    ends: dict[int, int],
    *,
    withhold: Collection[str] = (),
    force: Collection[str] = (),
) -> None:
    """Each shard decides on so many records, if nothing is said on all."""
    verdicts: list[Verdict] = []
    for shard in rehearsal.engine.shards:
        end = ends.get(shard.number, len(shard.events))
        verdicts += rehearsal.engine.evaluate(shard, one.tick, end, withhold=withhold, force=force)
    rehearsal.engine.end_cycle(one.offset, one.tick, verdicts, len(rehearsal.engine.shards))
    rehearsal.see(one)


def idle_users(rehearsal: Rehearsal) -> tuple[Shard, list[str]]:
    """A shard that knows at least two users; a day later all of them are to be messaged."""
    rehearsal.at += 24 * HOUR
    for user_id in rehearsal.names:
        rehearsal.send(user_id, rehearsal.at - 23 * HOUR)
    shard = max(rehearsal.engine.shards, key=lambda shard: len(shard.accounts))
    shard.take_in(len(shard.events))
    return shard, sorted(shard.accounts)


@settings(max_examples=8)
@given(seed=seeds)
def test_a_state_that_lacks_one_record_acknowledged_before_the_tick_is_found(seed: int) -> None:
    rehearsal = rehearsed(seed)
    shard, users = idle_users(rehearsal)
    end = len(shard.events)
    rehearsal.send(users[0], rehearsal.at)
    decide(rehearsal, rehearsal.tick(), {shard.number: end})
    [example] = broken(judge(rehearsal.evidence()))["I4"]
    assert f"{users[0]} has a message, but is active" in example


@settings(max_examples=5)
@given(seed=seeds)
def test_a_record_sent_before_the_tick_and_acknowledged_later_may_be_seen_or_not(seed: int) -> None:
    for seen in (True, False):
        rehearsal = rehearsed(seed)
        shard, users = idle_users(rehearsal)
        asked = rehearsal.tick()
        end = len(shard.events)
        rehearsal.send(users[0], rehearsal.at)
        decide(rehearsal, asked, {} if seen else {shard.number: end})
        judgement = judge(rehearsal.evidence())
        assert judgement.sound, judgement.lines()


@settings(max_examples=5)
@given(seed=seeds)
def test_a_record_sent_after_the_cycle_was_seen_can_not_have_been_seen(seed: int) -> None:
    rehearsal = rehearsed(seed)
    _shard, users = idle_users(rehearsal)
    asked = rehearsal.tick()
    rehearsal.see(asked)
    rehearsal.send(users[0], rehearsal.at)
    decide(rehearsal, asked, {})
    assert f"{users[0]} has no message, but is eligible" in broken(judge(rehearsal.evidence()))["I3"][0]


@settings(max_examples=5)
@given(seed=seeds)
def test_a_shard_that_decided_users_on_two_different_states_is_found(seed: int) -> None:
    for torn in (True, False):
        rehearsal = rehearsed(seed)
        shard, users = idle_users(rehearsal)
        asked = rehearsal.tick()
        end = len(shard.events)
        earlier, later = users[:2]
        rehearsal.send(earlier, rehearsal.at)
        rehearsal.send(later, rehearsal.at)
        if torn:
            decide(rehearsal, asked, {shard.number: end}, withhold={later})
        else:
            decide(rehearsal, asked, {shard.number: end + 1})
        found = broken(judge(rehearsal.evidence()))
        assert any("no one state explains" in example for example in found.get("I3", ())) == torn, found


@settings(max_examples=5)
@given(seed=seeds)
def test_a_shard_that_forgot_what_an_earlier_tick_saw_is_found(seed: int) -> None:
    rehearsal = rehearsed(seed)
    _shard, users = idle_users(rehearsal)
    first = rehearsal.tick()
    rehearsal.send(users[0], rehearsal.at, seconds=3600)
    decide(rehearsal, first, {})
    # An hour later the user would still be active by that record, and dormant without it.
    decide(rehearsal, rehearsal.tick(), {}, force={users[0]})
    assert f"{users[0]} has a message, but is active" in broken(judge(rehearsal.evidence()))["I4"][0]


@settings(max_examples=5)
@given(seed=seeds)
def test_who_did_not_leave_a_tick_out_owes_its_messages(seed: int) -> None:
    rehearsal = rehearsed(seed, QUIET)
    _shard, users = idle_users(rehearsal)
    first, last = rehearsal.tick(), rehearsal.tick()
    withheld = {user_id for user_id in users if rehearsal.users[user_id] == rehearsal.users[users[0]]}
    decide(rehearsal, first, {}, withhold=withheld)
    decide(rehearsal, last, {}, withhold=withheld)
    lost = broken(judge(rehearsal.evidence()))["I3"]
    assert len(lost) == 2 * len(withheld)


@settings(max_examples=5)
@given(seed=seeds)
def test_a_second_message_within_the_frequency_is_found(seed: int) -> None:
    rehearsal = rehearsed(seed)
    _shard, users = idle_users(rehearsal)
    decide(rehearsal, rehearsal.tick(), {})
    decide(rehearsal, rehearsal.tick(), {}, force={users[0]})
    found = broken(judge(rehearsal.evidence()))["I4"]
    assert any(f"{users[0]} has messages of" in example for example in found)
    assert any(f"{users[0]} has a message, but is recently_messaged" in example for example in found)


@settings(max_examples=5)
@given(seed=seeds)
def test_the_last_of_several_waiting_ticks_must_not_be_left_out(seed: int) -> None:
    rehearsal = rehearsed(seed, QUIET)
    idle_users(rehearsal)
    first, last = rehearsal.tick(), rehearsal.tick()
    verdicts = [
        verdict
        for shard in rehearsal.engine.shards
        for verdict in rehearsal.engine.evaluate(shard, first.tick, len(shard.events))
    ]
    rehearsal.engine.end_cycle(first.offset, first.tick, verdicts, len(rehearsal.engine.shards))
    rehearsal.engine.end_cycle(last.offset, last.tick, [], 0)
    rehearsal.see(first)
    rehearsal.see(last)
    assert "figures" in broken(judge(rehearsal.evidence()))
