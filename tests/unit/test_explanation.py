"""What is said of one user: why the last tick messaged them or didn't, and when they can next be messaged."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cycles import Cycle, Figures
from domain.decision_logic import evaluate_user_for_engagement
from domain.explanation import duration_text, explain, moment_text, user_record
from domain.known_user import KnownUser, LoggedMessage, account_of, next_possible_at
from domain.messages import EngagementMessage, generate_message, message_id
from domain.policy import Policy
from domain.segmentation import get_tone_for_segment
from domain.times import EARLIEST, LATEST, format_time
from domain.users import User
from tests.unit.builders import DAY, HOUR, MICROSECOND, MINUTE, NOW, POLICY, SECOND, user

CYCLE = Cycle("ten", NOW, evaluated=4, coalesced=0, figures=Figures())
SPAN = 30
LENGTHS = st.one_of(st.integers(1, 12), st.just(10**12)).map(lambda length: length * MICROSECOND)
POLICIES = st.builds(Policy, LENGTHS, LENGTHS, LENGTHS, LENGTHS)
STARTS = st.sampled_from([NOW, EARLIEST, LATEST - SPAN * MICROSECOND])
MOMENTS = st.integers(0, SPAN)


def known(
    person: User, *messages: LoggedMessage, cycle: Cycle | None = CYCLE, halted_reason: str | None = None
) -> KnownUser:
    return KnownUser(person, 3, halted_reason, cycle, messages)


def logged(at: datetime = NOW, status: str = "sent", person: User | None = None) -> LoggedMessage:
    """The message that the rules give at ``at`` to a user who was never messaged."""
    person = replace(person or user(idle=5 * DAY, name="Ghost Gary"), last_messaged=None)
    segment = evaluate_user_for_engagement(person, at, POLICY).segment
    assert segment is not None
    tone = get_tone_for_segment(segment)
    content = generate_message(tone, person.name)
    return LoggedMessage(EngagementMessage(message_id("12", at), "12", content, segment, tone, "ten", at), status)


@given(POLICIES, STARTS, MOMENTS, st.one_of(st.none(), MOMENTS))
def test_the_next_possible_time_is_the_first_at_which_the_rules_say_eligible(
    policy: Policy, start: datetime, active: int, messaged: int | None
) -> None:
    moments = [start + n * MICROSECOND for n in range(SPAN + 1)]
    person = User("12", start, moments[active], last_messaged=None if messaged is None else moments[messaged])
    found = next_possible_at(person, policy)
    eligible = [at for at in moments if evaluate_user_for_engagement(person, at, policy).eligible]
    assert (found if found in moments else None) == min(eligible, default=None)
    if found is None:
        assert not evaluate_user_for_engagement(person, LATEST, policy).eligible
    else:
        assert evaluate_user_for_engagement(person, found, policy).eligible
        assert found == EARLIEST or not evaluate_user_for_engagement(person, found - MICROSECOND, policy).eligible


@given(POLICIES, MOMENTS, st.one_of(st.none(), MOMENTS), MOMENTS)
def test_of_a_tick_that_nothing_followed_the_account_is_what_the_rules_said(
    policy: Policy, active: int, messaged: int | None, tick: int
) -> None:
    """The tick happens to the state by the rules; then the account of the state after it is compared."""
    at = NOW + tick * MICROSECOND
    last_messaged = None if messaged is None or messaged >= tick else NOW + messaged * MICROSECOND
    before = User("12", NOW, NOW + active * MICROSECOND, last_messaged=last_messaged)
    decision = evaluate_user_for_engagement(before, at, policy)
    after = replace(before, last_messaged=at) if decision.eligible else before
    account = account_of(known(after), replace(CYCLE, at=at), policy)
    assert (account.outcome, account.reason) == ("messaged" if decision.eligible else "skipped", decision.reason)


@given(POLICIES, MOMENTS, st.lists(MOMENTS, max_size=2, unique=True).map(sorted), MOMENTS, st.integers(0, 2))
def test_everything_can_be_said_of_everyone(
    policy: Policy, active: int, messaged: list[int], tick: int, coalesced: int
) -> None:
    times = [NOW + n * MICROSECOND for n in messaged]
    person = User("12", NOW, NOW + active * MICROSECOND, last_messaged=max(times, default=None))
    cycle = Cycle("t", NOW + tick * MICROSECOND, 2 - coalesced, coalesced, Figures())
    record = user_record(known(person, *map(logged_at, times), cycle=cycle), policy)
    assert record["explanation"].endswith(".")
    assert (record["last_tick"]["message_id"] is not None) == (record["last_tick"]["outcome"] == "messaged")


def logged_at(at: datetime) -> LoggedMessage:
    return logged(at, person=user(idle=5 * DAY))


def test_who_was_messaged_is_told_with_what_and_why() -> None:
    person = user(idle=5 * DAY + 3 * HOUR + MINUTE, since=timedelta(0), name="Ghost Gary")
    assert explain(known(person, logged()), POLICY) == (
        "At the last tick, 2026-11-22 10:00:00 UTC, user 12 (Ghost Gary) got “Hey Ghost Gary, we miss you! 😉”"
        " (dormant, playful): silent for 5 days 3 h, and the threshold is 1 h."
        " If they stay silent, the first tick from 2026-11-23 10:00:00 UTC on messages them."
    )
    record = user_record(known(person, logged()), POLICY)
    assert record == {
        "user_id": "12",
        "name": "Ghost Gary",
        "shard": 3,
        "created_at": format_time(NOW - 30 * DAY),
        "last_active": format_time(person.last_active),
        "last_messaged": format_time(NOW),
        "last_tick": {
            "tick_id": "ten",
            "at": format_time(NOW),
            "outcome": "messaged",
            "reason": "eligible",
            "segment": "dormant",
            "tone": "playful",
            "message_id": str(message_id("12", NOW)),
            "content": "Hey Ghost Gary, we miss you! 😉",
            "status": "sent",
        },
        "next_possible_at": format_time(NOW + DAY),
        "explanation": record["explanation"],
    }


def test_a_message_that_is_not_published_yet_is_told_as_such() -> None:
    person = user(since=timedelta(0))
    assert "(dormant, playful, decided and not published yet)" in explain(
        known(person, logged(status="decided")), POLICY
    )


def test_a_message_that_the_log_holds_no_more_is_told_from_the_state() -> None:
    told = known(user(since=timedelta(0)))
    assert "got a message, which the log holds no more: silent for 2 days" in explain(told, POLICY)
    last_tick = user_record(told, POLICY)["last_tick"]
    assert (last_tick["outcome"], last_tick["segment"]) == ("messaged", None)
    assert last_tick["message_id"] == str(message_id("12", NOW))


def test_who_was_messaged_and_came_back_is_not_said_to_be_silent() -> None:
    text = explain(known(user(idle=-MINUTE, since=timedelta(0)), logged()), POLICY)
    assert "(dormant, playful). If" in text
    assert "the first tick from 2026-11-23 10:00:00 UTC on" in text


def test_an_active_user_is_told_with_silence_and_threshold() -> None:
    assert explain(known(user(idle=20 * MINUTE)), POLICY) == (
        "At the last tick, 2026-11-22 10:00:00 UTC, user 12 got no message: silent for 20 min, and up to 1 h count as"
        " active. If they stay silent, the first tick from 2026-11-22 10:40:00.000001 UTC on messages them."
    )


def test_a_recently_messaged_user_is_told_with_distance_and_frequency() -> None:
    earlier = logged(NOW - 5 * HOUR)
    text = explain(known(user(since=5 * HOUR), earlier), POLICY)
    assert "got no message: the one before was 5 h earlier, and the frequency is one in 24 h." in text
    assert "the first tick from 2026-11-23 05:00:00 UTC on messages them." in text


def test_who_came_back_after_the_tick_is_active_and_what_was_before_is_not_claimed() -> None:
    told = known(user(idle=-3 * HOUR))
    assert "they were active 3 h after it, and what they had done before is not kept." in explain(told, POLICY)
    assert user_record(told, POLICY)["last_tick"]["reason"] == "active"


def test_before_the_first_cycle_nothing_is_decided() -> None:
    told = known(user(name="Ghost Gary"), cycle=None)
    assert explain(told, POLICY) == (
        "No cycle has ended yet, so nothing is decided about user 12 (Ghost Gary)."
        " If they stay silent, the first tick from 2026-11-20 11:00:00.000001 UTC on messages them."
    )
    assert user_record(told, POLICY)["last_tick"] is None


def test_who_was_first_seen_after_the_tick_was_not_there() -> None:
    told = known(user(idle=-HOUR, age=-HOUR))
    assert explain(told, POLICY).startswith("User 12 was first seen after the last tick, 2026-11-22 10:00:00 UTC.")
    assert user_record(told, POLICY)["last_tick"]["outcome"] == "not_seen_yet"
    assert user_record(told, POLICY)["last_tick"]["reason"] is None


def test_a_missing_message_is_not_explained_away() -> None:
    told = known(user(idle=2 * DAY))
    text = explain(told, POLICY)
    assert "got no message, although by what is known today the rules gave them one: silent for 2 days" in text
    assert "Either the thresholds were others then" in text
    assert text.endswith("If they stay silent, the next tick messages them.")
    last_tick = user_record(told, POLICY)["last_tick"]
    assert (last_tick["outcome"], last_tick["reason"]) == ("undetermined", None)


def test_a_tick_that_some_or_all_shards_left_out_is_told_as_such() -> None:
    partial, coalesced = (replace(CYCLE, evaluated=3, coalesced=1), replace(CYCLE, evaluated=0, coalesced=4))
    hint = "1 of 4 shards left that tick out for a newer one; theirs may be one of them."
    assert hint in explain(known(user(idle=MINUTE), cycle=partial), POLICY)
    assert hint not in explain(known(user(since=timedelta(0)), logged(), cycle=partial), POLICY)
    assert "was left out for a newer one: nobody was evaluated." in explain(known(user(), cycle=coalesced), POLICY)
    assert user_record(known(user(), cycle=coalesced), POLICY)["last_tick"]["outcome"] == "left_out"


def test_the_message_of_a_tick_that_has_not_ended_does_not_hide_what_the_last_one_did() -> None:
    under_way = logged(NOW + DAY)
    told = known(user(idle=2 * DAY, since=-DAY), logged(NOW - HOUR), under_way)
    assert "got no message: the one before was 1 h earlier" in explain(told, POLICY)
    assert "The tick of 2026-11-23 10:00:00 UTC, whose cycle has not ended yet, gave them a message." in explain(
        told, POLICY
    )
    assert user_record(told, POLICY)["next_possible_at"] == format_time(NOW + 2 * DAY)


def test_a_halted_shard_is_named() -> None:
    text = explain(known(user(idle=MINUTE), halted_reason="its marker is lost"), POLICY)
    assert text.endswith("But their shard, 3, is halted (its marker is lost): no tick evaluates them until it goes on.")


def test_whom_no_tick_can_message_is_told_as_such() -> None:
    for_good = replace(POLICY, inactivity_threshold=3_660_000 * DAY)
    assert user_record(known(user()), for_good)["next_possible_at"] is None
    assert explain(known(user()), for_good).endswith("no tick before the year 10000 messages them.")


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(0), "0 s"),
        (MICROSECOND, "1 µs"),
        (timedelta(milliseconds=2, microseconds=3), "2 ms 3 µs"),
        (MINUTE + 5 * SECOND + MICROSECOND, "1 min 5 s"),
        (HOUR, "1 h"),
        (DAY, "24 h"),
        (2 * DAY - MINUTE, "47 h 59 min"),
        (5 * DAY + 3 * HOUR + 59 * MINUTE, "5 days 3 h"),
        (3_660_000 * DAY, "3660000 days"),
    ],
)
def test_a_length_is_told_in_its_two_largest_units(length: timedelta, text: str) -> None:
    assert duration_text(length) == text


@pytest.mark.parametrize(
    ("person", "text"),
    [
        (user(idle=HOUR), "silent for 1 h, and up to 1 h count as active"),
        (user(idle=HOUR + MICROSECOND), "silent for just over 1 h, and the threshold is 1 h"),
    ],
)
def test_a_length_that_reads_like_the_threshold_is_told_apart_from_it(person: User, text: str) -> None:
    assert text in explain(known(person), POLICY)


def test_moments_have_decimals_where_there_are_any() -> None:
    assert moment_text(NOW + MICROSECOND) == "2026-11-22 10:00:00.000001 UTC"
