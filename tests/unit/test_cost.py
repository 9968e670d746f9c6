"""A guard against decay that no noise disturbs: how many steps of the interpreter an event and a due user take.

Counted are bytecode instructions of Python code; what happens inside a library written in C is one of them. The bounds
are what was counted with CPython 3.11, and a quarter more. Whoever has made something dearer for a reason raises one.
"""

import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import pytest

from adapters.codec import decode_activity, encode_message, read_ordinary
from adapters.postgres.rows import stored_user
from domain.chunks import decide_chunk
from domain.cycles import Figures
from domain.events import Activity, Tick
from domain.records import InputRecord, RawRecord
from domain.users import ActivityChange, Outcome, StoredUser, coalesce
from tests.unit.builders import DAY, LIMITS, NOW, POLICY, active, record, registered, user

MANY = 100
MARGIN = 1.25


def steps(work: Callable[[], object]) -> int:
    """How many instructions of Python the work takes."""
    count = 0

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def events(value: bytes) -> list[InputRecord]:
    return [record(value) for _ in range(MANY)]


def decoded(records: list[InputRecord]) -> list[Activity]:
    return [decode_activity(each, LIMITS) for each in records]


def taken_in(records: list[InputRecord]) -> list[ActivityChange]:
    left: list[RawRecord] = []
    changes = coalesce([], read_ordinary(records, LIMITS, left))
    assert not left
    return changes


def of_many_users() -> list[InputRecord]:
    return [record(active(user_id=str(n)), key=str(n).encode()) for n in range(MANY)]


@pytest.mark.parametrize(
    ("name", "work", "counted"),
    [
        ("an ordinary event of the same user", partial(taken_in, events(active())), 119),
        ("an ordinary event of another user", partial(taken_in, of_many_users()), 148),
        ("a registration", partial(decoded, events(registered())), 343),
    ],
)
def test_an_event_takes_no_more_steps_than_it_did(name: str, work: Callable[[], object], counted: int) -> None:
    assert steps(work) / MANY <= counted * MARGIN, name


def test_a_due_user_takes_no_more_steps_than_it_did() -> None:
    due = [StoredUser(user(idle=2 * DAY), Outcome.ACTIVE, NOW)] * MANY
    encode = partial(encode_message, topic="messages", event_source="/test")
    work = partial(decide_chunk, due, Tick("t", NOW), POLICY, Figures(active=MANY), encode)
    assert steps(work) / MANY <= 552 * MARGIN


def test_a_stored_user_takes_no_more_steps_than_it_did() -> None:
    known = user(idle=2 * DAY)
    row: Any = {
        **{name: getattr(known, name) for name in ("user_id", "first_seen", "last_active", "registered_at", "name")},
        "named_at": known.named_at,
        "last_messaged": None,
        "outcome": "active",
        "wake_at": NOW,
    }
    assert steps(lambda: [stored_user(row) for _ in range(MANY)]) / MANY <= 171 * MARGIN
