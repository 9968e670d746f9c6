"""Judges what is stored between ticks: users as their events say, wake times never too late, counters that count."""

from collections import Counter
from datetime import timedelta

from domain.policy import Policy
from tests import oracle
from tests.fakes.tables import Tables, UserRow
from tests.oracle import Thresholds, User, microseconds
from tests.simulation.plain import promised


def check_user(row: UserRow, user: User, last_tick: int, policy: Policy | None) -> None:
    """The row says what the events say, and the stored outcome holds until the wake time.

    ``policy`` is the one that the shard's wake times were computed with. Raises DifferenceError.
    """
    stored = row.stored.user
    messaged = None if stored.last_messaged is None else microseconds(stored.last_messaged)
    created_at, last_active = microseconds(stored.created_at), microseconds(stored.last_active)
    found = User(stored.user_id, stored.name or "there", created_at, last_active, messaged)
    promised(holds=found == user, difference=f"stored is {found}, but the events say {user}")
    if policy is not None:
        wake_at = microseconds(row.stored.wake_at)
        check_wake_time(user, row.stored.outcome, wake_at, last_tick, thresholds_of(policy))


def check_wake_time(user: User, outcome: str, wake_at: int, last_tick: int, thresholds: Thresholds) -> None:
    """For every moment after the shard's last tick and before the wake time, the rules give the stored outcome.

    Their answer changes only at the user's thresholds, so the moments around these stand for all. Raises
    DifferenceError.
    """
    turns = [user.last_active + thresholds.inactivity]
    if user.last_messaged is not None:
        turns.append(user.last_messaged + thresholds.message_frequency)
    for at in (last_tick + 1, wake_at - 1, *(turn + by for turn in turns for by in (-1, 0, 1))):
        if last_tick < at < wake_at:
            said = oracle.evaluate(user, at, thresholds).reason
            promised(
                holds=said == outcome,
                difference=f"{user} is stored as {outcome} until {oracle.written(wake_at)}, but is {said} at"
                f" {oracle.written(at)}",
            )


def check_counters(tables: Tables) -> None:
    """Every shard's counters are those of its users, but for corrections that wait. Raises DifferenceError."""
    counted: Counter[tuple[int, str]] = Counter()
    for row in tables.users.values():
        counted[row.shard, row.stored.outcome.value] += 1
    for move in tables.moves:
        counted[move.shard, move.outcome.value] -= move.change
    for number, state in tables.shards.items():
        counters = {"active": state.active, "recently_messaged": state.recently_messaged}
        recount = {name: counted[number, name] for name in counters}
        promised(holds=counters == recount, difference=f"shard {number} counts {counters}, but has {recount}")


def thresholds_of(policy: Policy) -> Thresholds:
    """A policy's values as the oracle takes them."""
    microsecond = timedelta(microseconds=1)
    return Thresholds(
        inactivity=policy.inactivity_threshold // microsecond,
        message_frequency=policy.message_frequency // microsecond,
        dormant=policy.dormant_threshold // microsecond,
        new_user=policy.new_user_threshold // microsecond,
    )
