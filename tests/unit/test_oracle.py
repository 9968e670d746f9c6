"""The oracle's rules: what must be published, given what can be read."""

import ast
import sys
import uuid
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import differences as comparer
from tests import oracle, oracle_cycles, oracle_input, oracle_moves, oracle_rules
from tests.oracle import DAY, HOUR, SECOND, Event, Limits, Thresholds, User
from tests.unit.oracle_log import NOON, NOON_US, SEED_THRESHOLDS, Log, ago, seed_log


def test_the_fifteen_users_of_the_demo_give_its_figures() -> None:
    expected = seed_log().expect(SEED_THRESHOLDS)
    figures = {"dormant": 5, "new_user": 2, "normal": 1}
    assert expected.cycles[1].value == {
        "status": "Cycle complete",
        "total_users": 15,
        "messages_sent": 8,
        "users_skipped": 7,
        "segment_breakdown": figures,
        "detailed_stats": {
            "total_users": 15,
            "eligible": 8,
            "skipped": 7,
            "by_segment": figures,
            "skip_reasons": {"active": 4, "recently_messaged": 3},
        },
        "tick_id": "noon",
        "at": "2026-11-22T12:00:00.000000Z",
        "shards": {"evaluated": 2, "coalesced": 0},
    }
    assert expected.cycles[1].key == b"noon"
    assert [message.key for message in expected.messages[:3]] == [b"6", b"5", b"7"]
    assert len(expected.messages) == 3 + 8
    assert not expected.dead_letters


def test_a_message_is_whole_and_its_id_follows_from_time_and_user() -> None:
    namespace = uuid.uuid5(uuid.NAMESPACE_URL, "urn:engagement-decision-engine:message")
    message_id = str(uuid.uuid5(namespace, "2026-11-22T12:00:00.000000Z/12"))
    assert message_id == "ef6a01c5-877c-53d5-8d7a-3037fd59b5af"
    message = next(m for m in seed_log().expect(SEED_THRESHOLDS).messages if m.key == b"12")
    assert message.value == {
        "message_id": message_id,
        "type": "CLIENT_ENGAGEMENT_BRAND",
        "user_id": "12",
        "content": "Hey Ghost Gary, we miss you! 😉",
        "segment": "dormant",
        "tone": "playful",
        "reason": "eligible",
        "tick_id": "noon",
        "decided_at": "2026-11-22T12:00:00.000000Z",
    }
    assert dict(message.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": message_id.encode(),
        "ce_type": b"CLIENT_ENGAGEMENT_BRAND",
        "ce_source": b"/engagement-decision-engine",
        "ce_time": b"2026-11-22T12:00:00.000000Z",
        "content-type": b"application/json",
    }


def test_each_tone_has_its_own_greeting() -> None:
    assert oracle.greeting("warm", "Ana") == "Welcome, Ana! We're so glad you're here! 🌟"
    assert oracle.greeting("neutral", "there") == "Hi there, just checking in! 👋"


@pytest.mark.parametrize(
    ("idle", "since", "age", "reason", "segment"),
    [
        (-1, None, 0, "active", None),
        (60 * SECOND, None, 9 * DAY, "active", None),
        (60 * SECOND + 1, None, 9 * DAY, "eligible", "normal"),
        (HOUR, 24 * HOUR - 1, 9 * DAY, "recently_messaged", None),
        (HOUR, 24 * HOUR, 9 * DAY, "eligible", "normal"),
        (60 * SECOND, 0, 9 * DAY, "active", None),
        (3 * DAY - 1, None, 9 * DAY, "eligible", "normal"),
        (3 * DAY, None, 9 * DAY, "eligible", "dormant"),
        (HOUR, None, DAY - 1, "eligible", "new_user"),
        (HOUR, None, DAY, "eligible", "normal"),
    ],
)
def test_each_boundary_is_exact_to_the_microsecond(
    idle: int, since: int | None, age: int, reason: str, segment: str | None
) -> None:
    user = User("1", "Ana", NOON_US - age, NOON_US - idle, None if since is None else NOON_US - since)
    verdict = oracle.evaluate_all([user], NOON_US, SEED_THRESHOLDS)["1"]
    assert (verdict.reason, verdict.segment) == (reason, segment)


def test_a_dormant_new_user_is_dormant() -> None:
    thresholds = Thresholds(inactivity=SECOND, dormant=HOUR, new_user=DAY)
    verdict = oracle.evaluate(User("1", "Ana", NOON_US - HOUR, NOON_US - HOUR), NOON_US, thresholds)
    assert (verdict.segment, verdict.tone) == ("dormant", "playful")


REGISTERED = [Event("1", 20, "Ana"), Event("1", 30, "Bea"), Event("1", 30, "Zoë")]


@settings(deadline=None)
@given(st.permutations([Event("1", 10, None), Event("1", 40, None), *REGISTERED]), st.integers(0, 4))
def test_order_and_repetition_of_events_do_not_matter(events: list[Event], again: int) -> None:
    assert oracle.user_of([*events, events[again]], None) == User("1", "Zoë", created_at=20, last_active=40)


def test_a_user_without_a_registration_dates_from_the_first_event_and_has_no_name() -> None:
    assert oracle.user_of([Event("1", 40, None), Event("1", 10, None)], None) == User("1", "there", 10, 40)


def test_a_tick_sees_what_was_produced_before_it_and_no_more() -> None:
    log = Log()
    log.active("1", ago(4 * DAY))
    log.tick(ago(HOUR))
    log.active("1", ago(2 * DAY), partition=1)
    log.active("2", ago(2 * DAY))
    log.tick(NOON)
    expected = log.expect()
    assert [cycle.value["total_users"] for cycle in expected.cycles] == [1, 2]
    assert [(m.key, m.value["segment"]) for m in expected.messages] == [(b"1", "dormant"), (b"2", "normal")]


def test_barriers_may_be_given_but_never_go_back() -> None:
    log = Log()
    activity = [log.active("1", ago(4 * DAY)), log.active("2", ago(4 * DAY))]
    ticks = [log.tick(ago(HOUR)), log.tick(NOON)]
    forward = oracle.explicit_barriers({0: {0: 1}, 1: {0: 2, 1: 0}})
    cycles = oracle.expect(activity, ticks, forward).cycles
    assert [(cycle.value["total_users"], cycle.value["shards"]) for cycle in cycles] == [
        (1, {"evaluated": 1, "coalesced": 0}),
        (2, {"evaluated": 2, "coalesced": 0}),
    ]
    with pytest.raises(ValueError, match="can't see less"):
        oracle.expect(activity, ticks, oracle.explicit_barriers({0: {0: 2}, 1: {0: 1}}))


def test_a_tick_not_later_than_a_usable_one_before_it_is_stale() -> None:
    log = Log()
    log.active("1", ago(4 * DAY))
    log.tick("2999-01-01T00:00:00Z")
    for at in (ago(HOUR), ago(HOUR), ago(2 * HOUR), NOON):
        log.tick(at)
    expected = log.expect()
    assert [cycle.value["at"] for cycle in expected.cycles] == [ago(HOUR), ago(0)]
    assert [letter.reason for letter in expected.dead_letters] == ["future_time"]
    assert len(expected.messages) == 1


def test_a_coalesced_tick_counts_nothing_and_messages_nobody() -> None:
    log = Log()
    log.active("1", ago(4 * DAY))
    log.tick(ago(HOUR), tick_id="waited")
    log.tick(NOON)
    log.tick(ago(HOUR))
    expected = log.expect(coalesced=(0,))
    value = expected.cycles[0].value
    assert (value["status"], value["total_users"], value["tick_id"]) == ("Cycle coalesced", 0, "waited")
    assert value["shards"] == {"evaluated": 0, "coalesced": 2}
    assert [m.value["decided_at"] for m in expected.messages] == [ago(0)]
    assert len(expected.cycles) == 2


def test_a_ticks_label_is_its_time_as_written_unless_it_has_one() -> None:
    assert oracle.read_tick(Log().tick("2026-11-22T13:00:00+01:00"), Limits()) == oracle.Tick(
        "2026-11-22T13:00:00+01:00", NOON_US
    )


JUDGES = {
    module.__name__: module for module in (oracle_input, oracle_rules, oracle_cycles, oracle_moves, oracle, comparer)
}


@pytest.mark.parametrize("module", JUDGES)
def test_the_judges_use_each_other_and_the_standard_library_only(module: str) -> None:
    tree = ast.parse(Path(str(JUDGES[module].__file__)).read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name for name in names if name.split(".")[0] not in sys.stdlib_module_names} <= JUDGES.keys()
