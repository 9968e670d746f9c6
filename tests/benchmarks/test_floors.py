"""Each part of the work is measured by itself, and only where it was done in full."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from benchmarks.floors import Sizes, measure_floors
from benchmarks.floors.measuring import run_part
from benchmarks.floors.part import Work
from benchmarks.ingest import WrongStateError
from benchmarks.results import floor_tables
from benchmarks.services import Services
from benchmarks.streams import Stream

SMALL = Sizes(Stream("small", users=500, events=1_000), rows=100, messages=200, chunk=50, times=2)


async def test_each_part_is_measured_in_each_round(benched: Services) -> None:
    runs = await measure_floors(benched, SMALL, rounds=1)
    assert [(run.round, run.part.partition(",")[0], run.count, run.unit) for run in runs] == [
        (0, "fetch", 1_000, "events"),
        (0, "fetch and validate", 1_000, "events"),
        (0, "upsert", 200, "rows"),
        (0, "send", 400, "messages"),
        (0, "send", 400, "messages"),
        (0, "select who is due", 500, "messages"),
    ]
    for run in runs:
        assert run.stream == "small"
        assert run.seconds > 0
    assert len(list(floor_tables(runs))) == 2 + len(runs) + 1


@dataclass(frozen=True)
class Lazy:
    name: str = "a lazy part"
    unit: str = "events"
    count: int = 2

    @asynccontextmanager
    async def ready(self, services: Services, name: str) -> AsyncIterator[Work]:
        async def work() -> int:
            return 1

        yield work


async def test_a_part_that_does_less_is_not_measured(benched: Services) -> None:
    with pytest.raises(WrongStateError, match="a lazy part: 1 events instead of 2"):
        await run_part(Lazy(), benched, "lazy")
