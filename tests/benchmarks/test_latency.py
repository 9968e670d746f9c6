"""Latency is measured of what really showed, and processes are compared by what one event costs."""

from benchmarks.contestants import Engine
from benchmarks.ingest import measure_ingest
from benchmarks.latency import Sizes, measure_latency
from benchmarks.results import Waits, latency_table, scale_tables
from benchmarks.services import Services
from benchmarks.streams import Stream

SMALL = Sizes(Stream("soon", users=200, events=200), due=10, ticks=3, warm_up=2, events=4, rate=200)


async def test_ticks_and_events_are_measured_idle_and_while_others_come(benched: Services) -> None:
    waits = await measure_latency(benched, SMALL)
    assert [(one.load, len(one.seconds)) for one in waits] == [
        *[("nothing", 3)] * 3,
        ("nothing", 4),
        *[("200 events/s", 3)] * 3,
        ("200 events/s", 4),
    ]
    for first, last, end in (waits[:3], waits[4:7]):
        assert all(a <= b <= c for a, b, c in zip(first.seconds, last.seconds, end.seconds, strict=True))
    assert len(list(latency_table(waits))) == 2 + len(waits)


def test_the_share_within_counts_from_the_fastest() -> None:
    waits = Waits("", "", [0.5, 0.1, 0.4, 0.2, 0.3])
    assert (waits.within(0.2), waits.within(0.5), waits.within(0.99)) == (0.1, 0.3, 0.5)


async def test_several_processes_do_the_same_work(benched: Services) -> None:
    stream = Stream("shared", users=200, events=2_000)
    runs = await measure_ingest(benched, [stream], [Engine(), Engine(processes=2)], rounds=1)
    assert [run.contestant for run in runs] == ["engine", "engine, 2 processes"]
    assert len(list(scale_tables(runs, []))) == 2 + len(runs)
