from collections.abc import Sequence
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from domain.events import Activity
from domain.users import Outcome, StoredUser, User, apply, coalesce
from tests.unit.builders import DAY, HOUR, MICROSECOND, NOW, POLICY, user

EVENTS = st.lists(
    st.builds(
        Activity,
        user_id=st.sampled_from(["a", "b"]),
        occurred_at=st.integers(0, 4).map(lambda n: NOW + n * MICROSECOND),
        name=st.sampled_from([None, None, "Ann", "Zoe", "ann", "Ž"]),
    ),
    max_size=8,
)


def apply_batches(batches: Sequence[Sequence[Activity]]) -> dict[str, StoredUser]:
    users: dict[str, StoredUser] = {}
    for batch in batches:
        for change in coalesce(batch):
            users[change.user_id] = apply(users.get(change.user_id), change, POLICY)
    return users


def as_promised(events: Sequence[Activity]) -> User:
    """The state of one user by the definition, from all events at once."""
    registrations = sorted((event.occurred_at, event.name) for event in events if event.name is not None)
    return User(
        user_id=events[0].user_id,
        first_seen=min(event.occurred_at for event in events),
        last_active=max(event.occurred_at for event in events),
        registered_at=registrations[0][0] if registrations else None,
        name=registrations[-1][1] if registrations else None,
        named_at=registrations[-1][0] if registrations else None,
    )


@given(EVENTS, st.data())
def test_order_repetition_and_batches_of_events_do_not_matter(events: list[Activity], data: st.DataObject) -> None:
    repeated = events + (data.draw(st.lists(st.sampled_from(events))) if events else [])
    shuffled = data.draw(st.permutations(repeated))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=4)))
    batches = [shuffled[start:end] for start, end in zip([0, *cuts], [*cuts, len(shuffled)], strict=True)]
    users = {user_id: stored.user for user_id, stored in apply_batches(batches).items()}
    user_ids = {event.user_id for event in events}
    assert users == {one: as_promised([event for event in events if event.user_id == one]) for one in user_ids}


@given(EVENTS)
def test_coalesce_gives_one_change_per_user_in_the_order_of_their_ids(events: list[Activity]) -> None:
    changes = [change.user_id for change in coalesce(events)]
    assert changes == sorted({event.user_id for event in events})


def stored(person: User, outcome: Outcome, wake_at: datetime = NOW) -> StoredUser:
    return StoredUser(person, outcome, wake_at)


def after_event(before: StoredUser, at: datetime) -> StoredUser:
    (change,) = coalesce([Activity(before.user.user_id, at)])
    return apply(before, change, POLICY)


def test_a_new_user_is_active_until_just_after_the_threshold() -> None:
    (change,) = coalesce([Activity("1", NOW)])
    assert apply(None, change, POLICY) == stored(User("1", NOW, NOW), Outcome.ACTIVE, NOW + HOUR + MICROSECOND)


def test_an_event_of_an_active_user_leaves_the_wake_time_alone() -> None:
    after = after_event(stored(user(idle=DAY), Outcome.ACTIVE), NOW)
    assert after == stored(user(idle=0 * DAY), Outcome.ACTIVE)


def test_an_advancing_event_makes_a_messaged_user_active() -> None:
    after = after_event(stored(user(idle=DAY, since=HOUR), Outcome.RECENTLY_MESSAGED), NOW)
    assert after == stored(user(idle=0 * DAY, since=HOUR), Outcome.ACTIVE, NOW + HOUR + MICROSECOND)


def test_an_event_that_does_not_advance_leaves_a_messaged_user_alone() -> None:
    before = stored(user(idle=DAY, since=HOUR), Outcome.RECENTLY_MESSAGED)
    assert after_event(before, NOW - DAY) == before
    assert after_event(before, NOW - DAY - MICROSECOND) == before


def test_a_late_registration_changes_name_and_age_only() -> None:
    before = stored(User("1", NOW - DAY, NOW, last_messaged=NOW), Outcome.RECENTLY_MESSAGED)
    (change,) = coalesce([Activity("1", NOW - HOUR, "Ann")])
    after = apply(before, change, POLICY)
    assert after.user == User("1", NOW - DAY, NOW, NOW - HOUR, "Ann", NOW - HOUR, NOW)
    assert (after.outcome, after.wake_at) == (before.outcome, before.wake_at)


def test_of_two_names_of_the_same_moment_the_greater_by_code_point_counts() -> None:
    (change,) = coalesce([Activity("1", NOW, "Zoe"), Activity("1", NOW, "ann"), Activity("1", NOW, "Ann")])
    assert change.name == "ann"
