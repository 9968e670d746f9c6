"""Between ticks, the stored outcome is what the plain rules would say, up to the wake time."""

from dataclasses import replace
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from domain.cycles import Figures
from domain.decision_logic import evaluate_user_for_engagement, get_engagement_stats
from domain.events import Activity
from domain.policy import Policy
from domain.times import EARLIEST, LATEST
from domain.users import Outcome, StoredUser, apply, coalesce
from tests.unit.builders import MICROSECOND, NOW

# All happens within so many microseconds, so that every moment can be looked at, and boundaries are met often.
SPAN = 40
MOMENTS = st.integers(0, SPAN)
POLICIES = st.builds(
    Policy, *[st.one_of(st.integers(1, 12), st.just(10**12)).map(lambda length: length * MICROSECOND)] * 4
)
EVENT = st.tuples(st.sampled_from("ab"), MOMENTS, st.sampled_from([None, "Ann"]))
# A tick's number is how many moments after the tick before it lies.
STEPS = st.lists(st.one_of(st.lists(EVENT, min_size=1, max_size=4), st.integers(1, 10)), max_size=20)
STARTS = st.sampled_from([NOW, EARLIEST, LATEST - SPAN * MICROSECOND])


class Engine:
    """Takes in activity and evaluates due users only, as the service does with its store."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.users: dict[str, StoredUser] = {}

    def take_in(self, events: list[Activity]) -> None:
        for change in coalesce(events):
            self.users[change.user_id] = apply(self.users.get(change.user_id), change, self.policy)

    def evaluate(self, at: datetime) -> Figures:
        for user_id, stored in self.users.items():
            if stored.wake_at <= at:
                self._evaluate_one(user_id, stored, at)
        return self.figures

    def _evaluate_one(self, user_id: str, stored: StoredUser, at: datetime) -> None:
        decision = evaluate_user_for_engagement(stored.user, at, self.policy)
        person = stored.user
        if decision.eligible:
            assert person.last_messaged is None or at - person.last_messaged >= self.policy.message_frequency
            person = replace(person, last_messaged=at)
        self.users[user_id] = StoredUser(person, decision.outcome_after, decision.wake_at)

    @property
    def figures(self) -> Figures:
        outcomes = [stored.outcome for stored in self.users.values()]
        return Figures(outcomes.count(Outcome.ACTIVE), outcomes.count(Outcome.RECENTLY_MESSAGED))

    def assert_wake_times_hold(self, moments: list[datetime]) -> None:
        for stored in self.users.values():
            for at in moments:
                if at < stored.wake_at:
                    decision = evaluate_user_for_engagement(stored.user, at, self.policy)
                    assert decision.reason == stored.outcome, f"at {at} of {stored}"


@given(POLICIES, STEPS, STARTS)
def test_nobody_has_to_be_looked_at_before_the_wake_time(
    policy: Policy, steps: list[list[tuple[str, int, str | None]] | int], start: datetime
) -> None:
    engine = Engine(policy)
    last_tick = -1
    for step in steps:
        if isinstance(step, list):
            engine.take_in([Activity(user_id, start + n * MICROSECOND, name) for user_id, n, name in step])
        elif last_tick + step <= SPAN:
            last_tick += step
            at = start + last_tick * MICROSECOND
            expected = get_engagement_stats([stored.user for stored in engine.users.values()], at, policy)
            after = engine.evaluate(at)
            # Those just messaged are now counted as recently messaged; nobody else has changed places.
            assert after == Figures(expected.active, expected.recently_messaged + expected.eligible)
        engine.assert_wake_times_hold([start + n * MICROSECOND for n in range(last_tick + 1, SPAN + 1)])
