"""Ticks are measured only where exactly those who are due got their message."""

from dataclasses import replace

import pytest

from benchmarks.contestants import Engine
from benchmarks.ingest import WrongStateError
from benchmarks.results import tick_tables
from benchmarks.services import Services
from benchmarks.streams import Stream
from benchmarks.ticks import THRESHOLDS, cases, measure_ticks

ENGINE = Engine(settings=THRESHOLDS)
SMALL = Stream("small", users=300, events=1_000)


async def test_each_case_is_measured_in_each_round(benched: Services) -> None:
    runs = await measure_ticks(benched, SMALL, cases(SMALL, 20), [ENGINE], rounds=2)
    assert [(run.round, run.due) for run in runs] == [(0, 0), (0, 20), (0, 300), (1, 0), (1, 20), (1, 300)]
    for run in runs:
        if run.due:
            assert run.first_message is not None
            assert run.last_message is not None
            assert 0 < run.first_message <= run.last_message <= run.ended
        else:
            assert run.first_message is run.last_message is None
    assert len(list(tick_tables(runs))) == 3 * 4


async def test_a_tick_with_other_messages_than_promised_is_not_measured(benched: Services) -> None:
    stream = replace(SMALL, name="wrong")
    wrong = [replace(case, due=case.due + 1) for case in cases(stream, 20)[1:2]]
    with pytest.raises(WrongStateError, match="20 messages instead of 21"):
        await measure_ticks(benched, stream, wrong, [ENGINE], rounds=1)
