"""The loop of a web tutorial is measured beside the engine, and only where it messaged those who were due."""

import sys
from pathlib import Path

import pytest

from benchmarks.ingest import WrongStateError
from benchmarks.results import tutorial_tables
from benchmarks.services import Services
from benchmarks.streams import Stream
from benchmarks.ticks import cases
from benchmarks.tutorial import Loop, measure_loop, measure_tutorial

SMALL = Stream("small", users=100, events=100)
COMMAND = (sys.executable, str(Path(__file__).with_name("loop.py")))
LOOP = Loop("a loop", COMMAND)


async def test_engine_and_loop_take_turns(benched: Services) -> None:
    runs = await measure_tutorial(benched, SMALL, [LOOP], rounds=2)
    assert [(run.round, run.contestant, run.due) for run in runs] == [
        (0, "engine", 0),
        (0, "engine", 100),
        (0, LOOP.name, 0),
        (0, LOOP.name, 100),
        (1, LOOP.name, 0),
        (1, LOOP.name, 100),
        (1, "engine", 0),
        (1, "engine", 100),
    ]
    lines = list(tutorial_tables(runs, "engine"))
    assert len(lines) == 2 * 5
    assert lines[3].startswith("| a loop | ")


async def test_a_loop_that_forgets_a_user_is_not_measured(benched: Services) -> None:
    with pytest.raises(WrongStateError, match="79 messages instead of 80"):
        await measure_loop(Loop("a loop", (*COMMAND, "forget")), benched, SMALL, cases(SMALL, 1))


async def test_a_loop_that_does_not_start_is_not_measured(benched: Services) -> None:
    with pytest.raises(WrongStateError, match=r"said b'' instead of b'ready\\n':\nno such loop"):
        await measure_loop(Loop("a loop", (sys.executable, "-c", "exit('no such loop')")), benched, SMALL, ())
