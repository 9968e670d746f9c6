"""The generated crowd."""

from datetime import UTC, datetime

from consumer.commands.crowd import OLDEST, crowd

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


def test_the_same_seed_and_time_give_the_same_crowd() -> None:
    assert list(crowd(50, 7, NOW)) == list(crowd(50, 7, NOW))
    assert list(crowd(50, 7, NOW)) != list(crowd(50, 8, NOW))


def test_each_user_registers_once_and_comes_back_after_that() -> None:
    events = list(crowd(200, 1, NOW))
    registered = {event.user_id: event.occurred_at for event in events if event.name is not None}
    assert len(registered) == sum(event.name is not None for event in events) == 200
    assert all(NOW - OLDEST <= registered[event.user_id] <= event.occurred_at <= NOW for event in events)
    assert 1 < len(events) / 200 < 6
