"""The fifteen users of the demo, and the check that the demo makes of itself."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consumer.commands.seed_users import FIGURES, SEED_USERS, figures_under
from deploy.local.demo import EARLIER_MESSAGES, GREETING, differences
from deploy.local.demo import FIGURES as DEMO_FIGURES
from domain.cycles import Cycle, cycle_record
from domain.decision_logic import evaluate_user_for_engagement, get_engagement_stats
from domain.messages import generate_message
from domain.policy import Policy
from domain.users import User, apply, coalesce

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
DAY = timedelta(days=1)
DEMO_POLICY = Policy(timedelta(minutes=1), DAY, 3 * DAY, DAY)
CYCLE_ID = "2026-11-22T10:00:00Z"


def test_the_rules_give_the_figures_of_the_seed() -> None:
    assert figures_under(DEMO_POLICY, NOW) == FIGURES
    record = cycle_record(Cycle(CYCLE_ID, NOW, 8, 0, FIGURES))
    figures = {name: record.get(name, record["detailed_stats"].get(name)) for name in DEMO_FIGURES}
    assert figures == DEMO_FIGURES


def test_other_thresholds_give_other_figures() -> None:
    assert figures_under(replace(DEMO_POLICY, inactivity_threshold=DAY), NOW) != FIGURES


def test_ghost_gary_and_active_alice_are_who_they_were() -> None:
    names = {user.user_id: user.name for user in SEED_USERS}
    assert sorted(names, key=int) == [str(number) for number in range(1, 16)]
    assert len(set(names.values())) == 15
    assert (names["12"], names["4"]) == ("Ghost Gary", "Active Alice")
    gary = next(user for user in SEED_USERS if user.user_id == "12").user(NOW)
    assert gary.last_active == NOW - 5 * DAY
    decision = evaluate_user_for_engagement(gary, NOW, DEMO_POLICY)
    assert decision.tone is not None
    assert generate_message(decision.tone, gary.name) == GREETING


def test_what_is_produced_for_a_user_makes_the_user_that_the_rules_are_asked_about() -> None:
    for user in SEED_USERS:
        [change] = coalesce(user.events(NOW))
        stored = apply(None, change, DEMO_POLICY).user
        assert replace(stored, last_messaged=user.user(NOW).last_messaged) == user.user(NOW)


def test_all_that_the_earlier_tick_sees_get_a_message() -> None:
    users = [replace(user.user(NOW), last_messaged=None) for user in SEED_USERS if user.messaged_before]
    assert get_engagement_stats(users, NOW, DEMO_POLICY).eligible == EARLIER_MESSAGES == len(users)


def test_with_gary_back_seven_are_messaged() -> None:
    back = [replace(user.user(NOW), last_active=NOW) if user.user_id == "12" else user.user(NOW) for user in SEED_USERS]
    assert get_engagement_stats(back, NOW, DEMO_POLICY).eligible == 7


def messages() -> list[dict[str, Any]]:
    found = []
    for seed_user in SEED_USERS:
        user: User = seed_user.user(NOW)
        tick_id = "earlier" if seed_user.messaged_before else CYCLE_ID
        decision = evaluate_user_for_engagement(replace(user, last_messaged=None), NOW, DEMO_POLICY)
        if decision.tone is not None:
            content = generate_message(decision.tone, user.name)
            found.append(
                {"user_id": user.user_id, "tick_id": tick_id, "segment": str(decision.segment), "content": content}
            )
    return found


def test_the_demo_accepts_the_figures_of_the_seed() -> None:
    record = cycle_record(Cycle(CYCLE_ID, NOW, 8, 0, FIGURES))
    assert differences(record, messages()) == []


@pytest.mark.parametrize("name", ["active", "recently_messaged", "dormant", "new_user", "normal"])
def test_the_demo_notices_any_other_figure(name: str) -> None:
    record = cycle_record(Cycle(CYCLE_ID, NOW, 8, 0, FIGURES.plus(**{name: 1})))
    assert differences(record, messages()) != []


def test_the_demo_notices_any_message_that_is_missing_or_repeated() -> None:
    record = cycle_record(Cycle(CYCLE_ID, NOW, 8, 0, FIGURES))
    for number, message in enumerate(messages()):
        assert differences(record, messages()[:number] + messages()[number + 1 :]) != []
        assert differences(record, [*messages(), message]) != []
