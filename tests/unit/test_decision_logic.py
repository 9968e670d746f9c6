from datetime import datetime, timedelta

import pytest

from domain.decision_logic import (
    check_message_frequency,
    evaluate_user_for_engagement,
    get_engagement_stats,
    is_user_inactive,
)
from domain.policy import LONGEST_THRESHOLD, Policy
from domain.segmentation import (
    Segment,
    Tone,
    calculate_account_age_days,
    calculate_days_since_activity,
    determine_user_segment,
    get_tone_for_segment,
)
from domain.times import EARLIEST, LATEST
from domain.users import Outcome, User
from tests.unit.builders import DAY, HOUR, MICROSECOND, NOW, POLICY, SECOND, user

# The seed's thresholds for testing.
SEED = Policy(
    inactivity_threshold=timedelta(seconds=60),
    message_frequency=timedelta(hours=24),
    dormant_threshold=timedelta(days=3),
    new_user_threshold=timedelta(days=1),
)
SEED_USERS = [
    *(user(user_id=str(n), idle=(n - 11) * SECOND) for n in (11, 12, 71)),  # silent for 0, 1 and exactly 60 s
    user(user_id="4", name="Active Alice", idle=10 * SECOND),
    user(user_id="12-gary", name="Ghost Gary", idle=5 * DAY),
    *(user(user_id=f"dormant-{n}", idle=n * DAY, since=n * DAY) for n in (3, 4, 30, 400)),
    user(user_id="new-1", idle=2 * HOUR, age=3 * HOUR),
    user(user_id="new-2", idle=61 * SECOND, age=61 * SECOND),
    user(user_id="normal", idle=2 * DAY, since=24 * HOUR),
    *(user(user_id=f"messaged-{n}", idle=n * DAY, since=n * HOUR) for n in (1, 2, 23)),
]


@pytest.mark.parametrize(
    ("idle", "inactive"),
    [
        (HOUR - MICROSECOND, False),
        (HOUR, False),
        (HOUR + MICROSECOND, True),
        (timedelta(0), False),
        (-DAY, False),
    ],
)
def test_a_user_is_inactive_only_after_the_threshold(idle: timedelta, inactive: bool) -> None:
    assert is_user_inactive(user(idle=idle), NOW, POLICY) is inactive
    decision = evaluate_user_for_engagement(user(idle=idle), NOW, POLICY)
    assert decision.reason == ("eligible" if inactive else "active")


@pytest.mark.parametrize(
    ("since", "allowed"),
    [(DAY - MICROSECOND, False), (DAY, True), (DAY + MICROSECOND, True), (timedelta(0), False), (None, True)],
)
def test_a_user_may_be_messaged_again_from_the_message_frequency_on(since: timedelta | None, allowed: bool) -> None:
    assert check_message_frequency(user(since=since), NOW, POLICY) is allowed
    decision = evaluate_user_for_engagement(user(since=since), NOW, POLICY)
    assert decision.reason == ("eligible" if allowed else "recently_messaged")


@pytest.mark.parametrize(
    ("idle", "age", "segment", "tone"),
    [
        (3 * DAY, 3 * DAY, Segment.DORMANT, Tone.PLAYFUL),
        (3 * DAY - MICROSECOND, 30 * DAY, Segment.NORMAL, Tone.NEUTRAL),
        (2 * HOUR, DAY, Segment.NORMAL, Tone.NEUTRAL),
        (2 * HOUR, DAY - MICROSECOND, Segment.NEW_USER, Tone.WARM),
        (HOUR + MICROSECOND, HOUR + MICROSECOND, Segment.NEW_USER, Tone.WARM),
    ],
)
def test_segment_and_tone_of_eligible_users(idle: timedelta, age: timedelta, segment: Segment, tone: Tone) -> None:
    decision = evaluate_user_for_engagement(user(idle=idle, age=age), NOW, POLICY)
    assert (decision.eligible, decision.segment, decision.tone) == (True, segment, tone)
    assert determine_user_segment(user(idle=idle, age=age), NOW, POLICY) is segment
    assert get_tone_for_segment(segment) is tone


def test_dormant_is_checked_before_new_user() -> None:
    policy = Policy(HOUR, DAY, 2 * DAY, 10 * DAY)
    assert determine_user_segment(user(idle=2 * DAY, age=2 * DAY), NOW, policy) is Segment.DORMANT


def test_activity_is_checked_before_the_message_frequency() -> None:
    assert evaluate_user_for_engagement(user(idle=HOUR, since=HOUR), NOW, POLICY).reason == "active"


def test_skipped_users_have_neither_segment_nor_tone() -> None:
    for skipped in (user(idle=HOUR), user(since=HOUR)):
        decision = evaluate_user_for_engagement(skipped, NOW, POLICY)
        assert (decision.eligible, decision.segment, decision.tone) == (False, None, None)


def test_silence_and_age_are_exact_and_may_be_negative() -> None:
    someone = user(idle=-MICROSECOND, age=-2 * DAY)
    assert calculate_days_since_activity(someone, NOW) == -MICROSECOND
    assert calculate_account_age_days(someone, NOW) == -2 * DAY


def test_age_counts_from_the_registration_and_without_one_from_the_first_event() -> None:
    unregistered = User("1", first_seen=NOW - 9 * DAY, last_active=NOW)
    registered = User("1", first_seen=NOW - 9 * DAY, last_active=NOW, registered_at=NOW - DAY)
    assert calculate_account_age_days(unregistered, NOW) == 9 * DAY
    assert calculate_account_age_days(registered, NOW) == DAY


def test_wake_times_follow_from_the_outcome() -> None:
    active = evaluate_user_for_engagement(user(idle=HOUR), NOW, POLICY)
    assert (active.outcome_after, active.wake_at) == (Outcome.ACTIVE, NOW + MICROSECOND)
    messaged = evaluate_user_for_engagement(user(since=HOUR), NOW, POLICY)
    assert (messaged.outcome_after, messaged.wake_at) == (Outcome.RECENTLY_MESSAGED, NOW + 23 * HOUR)
    eligible = evaluate_user_for_engagement(user(), NOW, POLICY)
    assert (eligible.outcome_after, eligible.wake_at) == (Outcome.RECENTLY_MESSAGED, NOW + DAY)


@pytest.mark.parametrize("at", [EARLIEST, LATEST])
@pytest.mark.parametrize("last_active", [EARLIEST, LATEST])
@pytest.mark.parametrize("last_messaged", [None, EARLIEST, LATEST])
@pytest.mark.parametrize("threshold", [MICROSECOND, DAY, LONGEST_THRESHOLD])
def test_the_ends_of_time_overflow_nowhere(
    at: datetime, last_active: datetime, last_messaged: datetime | None, threshold: timedelta
) -> None:
    policy = Policy(threshold, threshold, threshold, threshold)
    someone = User("1", first_seen=EARLIEST, last_active=last_active, last_messaged=last_messaged)
    decision = evaluate_user_for_engagement(someone, at, policy)
    assert EARLIEST <= decision.wake_at <= LATEST
    assert decision.eligible is (
        at - last_active > threshold and (last_messaged is None or at - last_messaged >= threshold)
    )


def test_the_seeds_fifteen_users_give_the_seeds_figures() -> None:
    figures = get_engagement_stats(SEED_USERS, NOW, SEED)
    assert figures.as_tuple() == (4, 3, 5, 2, 1)
    assert (figures.total, figures.eligible, figures.skipped) == (15, 8, 7)


def test_ghost_gary_is_dormant_and_active_alice_is_skipped() -> None:
    decisions = {person.name: evaluate_user_for_engagement(person, NOW, SEED) for person in SEED_USERS}
    assert decisions["Ghost Gary"].segment is Segment.DORMANT
    assert decisions["Active Alice"].reason == "active"


@pytest.mark.parametrize("wrong", [timedelta(0), -MICROSECOND, LONGEST_THRESHOLD + MICROSECOND])
def test_a_threshold_that_makes_no_sense_is_refused_by_name(wrong: timedelta) -> None:
    with pytest.raises(ValueError, match="dormant_threshold must be between"):
        Policy(HOUR, DAY, wrong, DAY)
