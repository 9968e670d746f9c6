"""A worker whose rules have a defect that two users bring to light; run as a program, it is told like any other."""

import runpy
from datetime import datetime

from domain import chunks
from domain.decision_logic import Decision, evaluate_user_for_engagement
from domain.policy import Policy
from domain.users import User

UNLUCKY = ("u3", "u17")


def evaluate(user: User, at: datetime, policy: Policy) -> Decision:
    """The rules, but for two users."""
    if user.user_id in UNLUCKY:
        raise ZeroDivisionError(f"{user.user_id} is not named in the log")
    return evaluate_user_for_engagement(user, at, policy)


if __name__ == "__main__":
    vars(chunks)["evaluate_user_for_engagement"] = evaluate
    runpy.run_module("tests.harness.worker", run_name="__main__")
