"""The benchmarks measure work that was really done, and say so when it was not."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import pytest

from benchmarks.contestants import Contestant, Engine, FastStream, Plain, Scene
from benchmarks.ingest import WrongStateError, measure_ingest
from benchmarks.meters import Cpu
from benchmarks.results import ingest_tables, ratio
from benchmarks.services import Services
from benchmarks.streams import Stream

SMALL = Stream("small", users=200, events=2_000)


async def test_each_contestant_is_measured_in_each_round_and_ends_with_the_right_state(benched: Services) -> None:
    contestants: list[Contestant] = [Engine(), Plain(max_records=500)]
    runs = await measure_ingest(benched, [SMALL], contestants, rounds=2)
    assert [(run.round, run.contestant) for run in runs] == [
        (0, "engine"),
        (0, "plain script, polls of 500"),
        (1, "plain script, polls of 500"),
        (1, "engine"),
    ]
    for run in runs:
        assert run.events == SMALL.events
        assert min(run.seconds, run.cpu.total, run.peak_memory_mb) > 0
    measured = [run for run in runs if run.contestant == "engine"]
    assert ratio(measured, measured).median == 1.0
    assert len(list(ingest_tables(runs, "engine"))) == 2 + len(contestants) + 1


class Forgetful(Plain):
    async def last_active(self, scene: Scene) -> Mapping[str, datetime]:
        state = await super().last_active(scene)
        return dict(list(state.items())[1:])


async def test_a_contestant_that_loses_a_user_is_not_measured(benched: Services) -> None:
    stream = Stream("other", users=20, events=100)
    with pytest.raises(WrongStateError, match="1 of 20 users are wrong"):
        await measure_ingest(benched, [stream], [Forgetful()], rounds=1)


class Slow(Plain):
    def given(self, stream: Stream) -> Stream:
        return stream.shortened(4)


async def test_who_would_take_too_long_is_given_fewer_events_and_the_table_says_so(benched: Services) -> None:
    stream = Stream("slow", users=50, events=400)
    assert FastStream().given(stream).events == 8
    runs = await measure_ingest(benched, [stream], [Plain(), Slow(max_records=10)], rounds=1)
    assert [run.events for run in runs] == [400, 100]
    # So few events may take less time than a processor's clock can tell.
    *_, row, _ = ingest_tables([replace(run, cpu=Cpu(1.0, 1.0, 1.0)) for run in runs], Plain().name)
    assert row.startswith("| plain script, polls of 10 (of 100 events) | at least once | ")


def test_a_stream_is_the_same_each_time_and_begins_with_each_user_once() -> None:
    owners = list(SMALL.owners())
    assert owners == list(SMALL.owners())
    assert sorted(owners[: SMALL.users]) == list(range(SMALL.users))
    assert len(owners) == SMALL.events
    assert len(SMALL.last_active()) == SMALL.users
