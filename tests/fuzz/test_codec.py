"""A seeded slice of the fuzzing: the kept corpus, the known kinds, and some thousand changes of both."""

import random

import pytest

from tests.fuzz.cases import MAX_RECORD_BYTES, read_case
from tests.fuzz.changing import changed
from tests.fuzz.corpus_files import MOST_KEPT_BYTES, costly, grown, kept, seeds
from tests.fuzz.measuring import MOST_BYTES, MOST_SECONDS, cost_of
from tests.fuzz.properties import decoded, judge

SEED = 20_261_122
CHANGES = 4_000
LONGEST_SEED = 2_048
EVERY = 7
"""Of the costly cases: all of them take half a minute."""
# The limit holds for an idle machine, and is what `python -m tests.fuzz` judges by: here others use the cache, too.
MARGIN = 5


def play(case: bytes) -> str:
    """Hold every property against the case; returns what became of it."""
    read = read_case(case)
    try:
        outcome = decoded(read)
        judge(read, outcome)
    except Exception as error:
        error.add_note(f"the case: {case!r}")
        raise
    return getattr(outcome, "reason", type(outcome).__name__)


def test_every_kept_and_known_case_is_read_as_promised() -> None:
    outcomes = {play(case) for case in (*kept(), *seeds())}
    assert {"Activity", "Tick", "bad_json", "future_time", "key_mismatch", "too_large", "NoneType"} <= outcomes


def test_changed_cases_are_read_as_promised() -> None:
    choose = random.Random(SEED)
    cases = [case for case in (*kept(), *seeds()) if len(case) <= LONGEST_SEED]
    outcomes = {play(changed(cases, choose)) for _ in range(CHANGES)}
    assert {"Activity", "Tick", "bad_json", "missing_field", "invalid_field", "NoneType"} <= outcomes


def test_the_largest_records_cost_little_time_and_memory() -> None:
    for case in (*costly()[::EVERY], *grown(kept()[::EVERY], random.Random(SEED))):
        assert len(case) <= MAX_RECORD_BYTES + 2
        cost = cost_of(case)
        assert cost.seconds < MARGIN * MOST_SECONDS, case[:60]
        assert cost.peak_bytes < MOST_BYTES, case[:60]


def test_kept_cases_are_small_enough_to_be_read() -> None:
    assert kept()
    assert max(map(len, kept())) <= MOST_KEPT_BYTES


@pytest.mark.parametrize("case", [b"", b"\x00", b"\x03", b"\x02\x80"])
def test_any_bytes_are_a_case(case: bytes) -> None:
    play(case)
