"""A rule, a text or an encoding that fails for some users costs them this tick, and nobody else anything."""

from collections.abc import Collection
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from domain.chunks import decide_chunk
from domain.cycles import Figures
from domain.decision_logic import evaluate_user_for_engagement, get_engagement_stats
from domain.events import Tick
from domain.messages import EncodeMessage, EngagementMessage
from domain.records import OutgoingRecord
from domain.times import LATEST
from domain.users import Outcome, StoredUser
from tests.unit.builders import DAY, HOUR, MICROSECOND, NOW, POLICY, user

TICK = Tick("noon", NOW)
USERS = st.lists(
    st.builds(
        lambda number, idle, messaged: StoredUser(
            user(idle=idle * HOUR, since=2 * DAY if messaged else None, user_id=f"user{number}"),
            Outcome.RECENTLY_MESSAGED if messaged else Outcome.ACTIVE,
            NOW,
        ),
        st.integers(0, 1_000_000),
        st.integers(0, 200),
        st.booleans(),
    ),
    unique_by=lambda stored: stored.user.user_id,
    max_size=12,
)


def encoding_all_but(failing: Collection[str]) -> EncodeMessage:
    def encode(message: EngagementMessage) -> OutgoingRecord:
        if message.user_id in failing:
            raise ZeroDivisionError(message.content)
        return OutgoingRecord("messages", message.user_id.encode(), b"{}")

    return encode


@given(users=USERS, data=st.data())
def test_everybody_else_is_decided_as_if_the_failing_users_were_not_there(
    users: list[StoredUser], data: st.DataObject
) -> None:
    ids = [stored.user.user_id for stored in users]
    failing = set(data.draw(st.lists(st.sampled_from(ids), unique=True))) if ids else set()
    chunk = decide_chunk(users, TICK, POLICY, Figures(active=50), encoding_all_but(failing))
    undecided = {each.stored.user.user_id for each in chunk.undecided}
    assert undecided <= failing
    others = [stored for stored in users if stored.user.user_id not in undecided]
    alone = decide_chunk(others, TICK, POLICY, Figures(active=50), encoding_all_but(()))
    chunk.undecided = []
    assert chunk == alone


@given(users=USERS)
def test_a_chunk_is_what_each_of_its_users_gets_alone(users: list[StoredUser]) -> None:
    before = Figures(active=50, recently_messaged=50, normal=7)
    chunk = decide_chunk(users, TICK, POLICY, before, encoding_all_but(()))
    decisions = [(stored, evaluate_user_for_engagement(stored.user, NOW, POLICY)) for stored in users]
    assert chunk.skipped == [
        StoredUser(stored.user, decision.outcome_after, decision.wake_at)
        for stored, decision in decisions
        if not decision.eligible
    ]
    messaged = [(stored.user.user_id, decision) for stored, decision in decisions if decision.eligible]
    assert [(message.user_id, message.segment, message.tone) for message, _ in chunk.messages] == [
        (user_id, decision.segment, decision.tone) for user_id, decision in messaged
    ]
    assert {decision.wake_at for _, decision in messaged} <= {chunk.messageable_at}
    assert {decision.outcome_after for _, decision in messaged} <= {Outcome.RECENTLY_MESSAGED}
    assert chunk.made == get_engagement_stats([stored.user for stored in users], NOW, POLICY)
    assert chunk.figures.total == before.total
    for outcome in Outcome:
        left = sum(stored.outcome is outcome for stored in users)
        came = sum(decision.outcome_after is outcome for _, decision in decisions)
        assert chunk.counters[outcome] == came - left
        assert getattr(chunk.figures, outcome) == getattr(before, outcome) + getattr(chunk.made, outcome) - left


@given(users=USERS)
def test_who_is_undecided_stays_as_stored_and_is_due_at_the_next_tick(users: list[StoredUser]) -> None:
    everybody = {stored.user.user_id for stored in users}
    chunk = decide_chunk(users, TICK, POLICY, Figures(), encoding_all_but(everybody))
    decided = {stored.user.user_id for stored in chunk.skipped}
    left = [stored for stored in users if stored.user.user_id not in decided]
    assert [each.stored for each in chunk.undecided] == [replace(stored, wake_at=NOW + MICROSECOND) for stored in left]
    assert chunk.messages == []
    assert all(isinstance(each.error, ZeroDivisionError) for each in chunk.undecided)


def test_at_the_end_of_time_nobody_is_looked_at_for_ever() -> None:
    stored = StoredUser(user(), Outcome.ACTIVE, NOW)
    chunk = decide_chunk([stored], Tick("last", LATEST), POLICY, Figures(), encoding_all_but({stored.user.user_id}))
    assert [each.stored.wake_at for each in chunk.undecided] == [LATEST]
