"""What the users of a soak do: the same for the same seed, and of every sort."""

import json

from hypothesis import given
from hypothesis import strategies as st

from tests.fault.soak.load import Crowd, Record, marked

Days = list[list[Record]]


def days(seed: str) -> Days:
    crowd = Crowd(50, seed)
    found = [crowd.beginning()]
    for _ in range(3):
        crowd.next_tick()
        found.append(crowd.some(400))
    return found


def test_the_same_seed_gives_the_same_records() -> None:
    assert days("1") == days("1")
    assert days("1") != days("2")


def test_ticks_advance_by_six_hours() -> None:
    crowd = Crowd(10, "1")
    values = [json.loads(crowd.next_tick()[1]) for _ in range(2)]
    assert [value["at"] for value in values] == ["2024-05-01T06:00:00Z", "2024-05-01T12:00:00Z"]
    assert [value["tick_id"] for value in values] == ["tick 1", "tick 2"]


@given(st.integers(0, 10**9), st.sampled_from([b'{"type": "user.active"}', b"nonsense"]))
def test_a_mark_tells_two_records_apart_and_changes_nothing_else(number: int, value: bytes) -> None:
    assert marked(value, number) != marked(value, number + 1)
    if value.startswith(b"{"):
        assert json.loads(marked(value, number)) == json.loads(value) | {"event_id": number}
