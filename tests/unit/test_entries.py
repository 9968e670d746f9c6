"""Entries of the outbox are bounded, and nothing is lost, doubled or moved by cutting."""

from hypothesis import given
from hypothesis import strategies as st

from consumer.entries import ENTRY_BYTES, in_runs
from domain.records import OutgoingRecord

SIZES = st.lists(st.one_of(st.none(), st.integers(0, 400_000), st.just(3 * ENTRY_BYTES)), max_size=20)


@given(SIZES)
def test_runs_are_the_records_in_order_and_end_with_the_one_that_fills_them(sizes: list[int | None]) -> None:
    records = [OutgoingRecord("topic", None, None if size is None else bytes(size)) for size in sizes]
    runs = list(in_runs(enumerate(records)))
    assert [number for numbers, _ in runs for number in numbers] == list(range(len(records)))
    assert [record for _, run in runs for record in run] == records
    for _, run in runs:
        *before, _last = (len(record.value or b"") for record in run)
        assert sum(before) < ENTRY_BYTES
    for _, run in runs[:-1]:
        assert sum(len(record.value or b"") for record in run) >= ENTRY_BYTES


def test_nothing_makes_no_entry() -> None:
    assert list(in_runs([])) == []
