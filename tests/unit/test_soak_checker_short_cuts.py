"""The short cuts of the judge of fault runs give what the plain way gives."""

import json
from dataclasses import replace
from itertools import product
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.fault.soak.checker.activity import deciding, log_of
from tests.fault.soak.checker.figures import Choice, possible
from tests.fault.soak.checker.reading import read_activity_record
from tests.fault.soak.checker.sending import Lying
from tests.fault.soak.checker.verdicts import holds_until
from tests.oracle import (
    DEFAULT_LIMITS,
    Event,
    InputRecord,
    RejectedError,
    Thresholds,
    User,
    evaluate,
    read_event,
    user_of,
)


def lying(offset: int, value: bytes | None = None, partition: int = 0) -> InputRecord:
    return InputRecord("t", partition, offset, 0, b"k", b"%d" % offset if value is None else value)


moments = st.integers(-6, 12)
events = st.builds(Event, st.just("u"), moments, st.sampled_from([None, None, "a", "b"]))


@given(before=st.lists(events, min_size=1), after=st.lists(events))
def test_a_few_events_say_the_same_of_a_user_as_all_of_them(before: list[Event], after: list[Event]) -> None:
    kept = deciding(before)
    assert len(kept) <= 4
    assert user_of([*kept, *after], None) == user_of([*before, *after], None)


@given(
    thresholds=st.builds(Thresholds, *(st.integers(1, 6) for _ in range(4))),
    created=moments, last_active=moments, messaged=st.none() | moments, at=moments, wait=st.integers(0, 12),
)  # fmt: skip
def test_a_verdict_holds_for_as_long_as_is_said(
    thresholds: Thresholds, created: int, last_active: int, messaged: int | None, at: int, wait: int
) -> None:
    user = User("u", "there", created, last_active, messaged)
    verdict = evaluate(user, at, thresholds)
    until = holds_until(user, verdict, thresholds)
    assert (until is None) == (verdict.reason == "eligible")
    if until is not None:
        assert until >= at
        assert evaluate(user, min(at + wait, until), thresholds) == verdict
        assert evaluate(user, until + 1, thresholds) != verdict


texts = st.sampled_from(
    [
        "user.active",
        "user.registered",
        "2026-11-22T10:00:00Z",
        "2027-01-01T00:00:00Z",
        "u1",
        "",
        "ü",
        '"',
        "\x7f",
        "a" * 129,
    ]
)
members = st.dictionaries(
    st.sampled_from(["type", "user_id", "occurred_at", "name", "event_id"]),
    texts | st.sampled_from([None, 1, [1], {"a": "b"}, float("nan")]),
)
plain = st.fixed_dictionaries(
    {"type": st.sampled_from(["user.active", "user.registered"]), "user_id": st.just("u1"),
     "occurred_at": st.just("2026-11-22T10:00:00.5+01:00")},
    optional={"name": st.sampled_from(["Ghost Gary", "", " ", "x" * 201, "{}"]), "event_id": st.just("7")},
)  # fmt: skip
values = (members | plain).map(lambda value: json.dumps(value, ensure_ascii=False).encode()) | st.sampled_from(
    [None, b"", b"{}", b"{", b"[]", b'{"type": "user.active", "type": 1}', b"{1}", b'{"a":' + b"9" * 5000 + b"}"]
)


def outcome_of(read: Any, record: InputRecord) -> object:
    try:
        return read(record, replace(DEFAULT_LIMITS, max_record_bytes=4_000))
    except RejectedError as rejected:
        return str(rejected)


@given(value=values, key=st.sampled_from([b"u1", b"u2", None, b""]))
def test_records_are_read_as_the_oracle_reads_them(value: bytes | None, key: bytes | None) -> None:
    record = InputRecord("t", 0, 0, 1_795_341_600_000, key, value)
    assert outcome_of(read_activity_record, record) == outcome_of(read_event, record)


skips = st.tuples(st.integers(0, 3), st.integers(0, 2))
choices = st.builds(Choice, st.sets(skips, min_size=1, max_size=3), st.booleans())


@given(some=st.lists(choices, min_size=1, max_size=3), goal=skips, coalesced=st.integers(0, 2), data=st.data())
def test_figures_are_possible_if_some_choice_gives_them(
    some: list[Choice], goal: tuple[int, int], coalesced: int, data: st.DataObject
) -> None:
    sums = {tuple(map(sum, zip(*terms, strict=True))) for terms in product(*(choice.terms for choice in some))}
    assert possible(some, goal, coalesced) == ((*goal, coalesced) in sums)
    *right, number = data.draw(st.sampled_from(sorted(sums)))
    assert possible(some, (right[0], right[1]), number)


def test_too_many_choices_are_held_against_their_bounds() -> None:
    many = [Choice({(a, 3 * a * a % 7919) for a in range(1500)}) for _ in range(3)]
    assert possible(many, (2000, 9000), 0) is None
    assert possible(many, (5000, 9000), 0) is False


@given(
    sends=st.lists(st.tuples(st.floats(0, 10), st.floats(0, 10) | st.just(float("inf"))), max_size=8),
    produced=st.floats(0, 10),
    lasted=st.floats(0, 5),
)
def test_a_tick_sees_what_was_acknowledged_before_it_and_nothing_sent_after_its_cycle(
    sends: list[tuple[float, float]], produced: float, lasted: float
) -> None:
    lies = [Lying(lying(n), invoked, max(invoked, acknowledged)) for n, (invoked, acknowledged) in enumerate(sends)]
    log = log_of(0, lies, [None] * len(lies))
    allowed = [
        length
        for length in range(len(lies) + 1)
        if all(one.acknowledged > produced for one in lies[length:])
        and all(one.invoked <= produced + lasted for one in lies[:length])
    ]
    least, most = log.bounds(produced, produced + lasted)
    if allowed:
        assert (least, most) == (min(allowed), max(allowed))
