"""What clients of a fault run sent and saw, held against what lies in Kafka, and the record of it."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fault.soak.checker.__main__ import main
from tests.fault.soak.checker.evidence import HISTORY, ROLES, keep_standing, keep_topic, read_evidence
from tests.fault.soak.checker.history import (
    Fault,
    Operation,
    Outcome,
    Poll,
    Recorder,
    Run,
    digest_of,
    load,
    save,
)
from tests.fault.soak.checker.judgement import Judgement, Kind
from tests.fault.soak.checker.polls import judge_polls
from tests.fault.soak.checker.rehearsal import Rehearsal
from tests.fault.soak.checker.sending import match
from tests.oracle import (
    DEFAULT_THRESHOLDS,
    InputRecord,
)


def lying(offset: int, value: bytes | None = None, partition: int = 0) -> InputRecord:
    return InputRecord("t", partition, offset, 0, b"k", b"%d" % offset if value is None else value)


def operation(number: int, outcome: Outcome = "ok", offset: int | None = None) -> Operation:
    at = None if outcome != "ok" else number if offset is None else offset
    return Operation(
        "activity", number, number + 0.5, outcome, "t", 0 if outcome == "ok" else None, at, b"k", b"%d" % number
    )


@pytest.mark.parametrize(
    ("operations", "records", "found"),
    [
        ([operation(0), operation(1)], [lying(0), lying(1)], {}),
        ([operation(0), operation(1, "unknown")], [lying(0)], {}),
        ([operation(0), operation(1, "unknown")], [lying(0), lying(7, b"1")], {}),
        ([operation(0), operation(1)], [lying(1)], {"lost": 1}),
        ([operation(0), operation(1)], [lying(0)], {"unseen": 1}),
        ([operation(0, "failed")], [lying(0)], {"wrong": 1}),
        ([operation(0)], [lying(0), lying(1, b"0")], {"repeated": 1}),
        ([operation(0, "unknown")], [lying(0), lying(1, b"0")], {"repeated": 1}),
        ([operation(0)], [lying(0), lying(1)], {"wrong": 1}),
        ([operation(0)], [lying(0, b"other")], {"wrong": 1}),
        ([operation(0), operation(1, offset=0)], [lying(0)], {"repeated": 1, "wrong": 1}),
    ],
)  # fmt: skip
def test_what_was_sent_is_there_as_its_outcome_says(
    operations: list[Operation], records: list[InputRecord], found: dict[Kind, int]
) -> None:
    judgement = Judgement()
    match(operations, records, judgement)
    assert judgement.kinds == found


def test_a_record_of_unknown_outcome_was_not_there_before_it_was_sent_and_may_never_have_been() -> None:
    [known, unknown] = match([operation(0), operation(1, "unknown")], [lying(0), lying(5, b"1")], Judgement())
    assert (known.invoked, known.acknowledged) == (0, 0.5)
    assert (unknown.invoked, unknown.acknowledged) == (1, float("inf"))


def poll(*offsets: int, consumer: str = "c", value: bytes | None = None) -> Poll:
    seen = tuple((n, digest_of(b"k", b"%d" % n if value is None else value)) for n in offsets)
    return Poll(consumer, 0.0, "t", 0, seen)


@pytest.mark.parametrize(
    ("polls", "found"),
    [
        ([poll(0, 2), poll(3)], {}),
        ([poll(0, 2), poll(0, 2, 3, consumer="next life")], {}),
        ([poll(0, 1, 2, 3)], {"aborted read": 1}),
        ([poll(0, 2, value=b"precommitted"), poll(3)], {"aborted read": 2, "unseen": 2}),
        ([poll(0, 3)], {"skipped": 1, "unseen": 1}),
        ([poll(0, 2, 3), poll(2)], {"non-monotonic": 1}),
        ([poll(0), poll(0), poll(2, 3)], {"non-monotonic": 1}),
        ([poll(0, 2)], {"unseen": 1}),
    ],
)
def test_live_reads_are_held_against_the_log_at_the_end(polls: list[Poll], found: dict[Kind, int]) -> None:
    judgement = Judgement()
    judge_polls(polls, [[lying(0), lying(2), lying(3)], [replace(lying(0), topic="not followed")]], judgement)
    assert judgement.kinds == found


@settings(max_examples=3)
@given(seed=st.integers(0, 1000))
def test_a_run_can_be_judged_again_from_its_folder(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("run")
    rehearsal = Rehearsal(seed)
    rehearsal.round()
    evidence = rehearsal.evidence()
    save(folder / HISTORY, evidence.history)
    for role in ROLES:
        keep_topic(folder, role, evidence.topics[role])
    keep_standing(folder, evidence.standing)
    assert read_evidence(folder) == evidence
    assert main([str(folder)]) == 0
    keep_topic(folder, "cycles", [])
    assert main([str(folder)]) == 1
    assert main([]) == main([str(folder / "absent")]) == 2


def test_a_history_that_was_cut_off_can_be_read(tmp_path: Path) -> None:
    run = Run(7, "soak", {"activity": "a"}, 4, DEFAULT_THRESHOLDS)
    with Recorder(tmp_path / "history", run) as recorder:
        recorder.note(operation(1))
        recorder.note(Fault("kafka cut", "link 0", 1.0, 2.0))
    content = (tmp_path / "history").read_bytes()
    assert load(tmp_path / "history").faults == [Fault("kafka cut", "link 0", 1.0, 2.0)]
    (tmp_path / "history").write_bytes(content[:-5])
    history = load(tmp_path / "history")
    assert (history.run, history.operations, history.faults) == (run, [operation(1)], [])
