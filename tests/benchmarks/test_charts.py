"""Charts come from the results alone: the same ones make the same files."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.charts import main
from benchmarks.meters import Cpu
from benchmarks.results import Report, Run, TickRun

CPU = Cpu(1.0, 1.0, 1.0)
INGEST = [
    Run(number, name, "at least once", "hot", 1_000, seconds + number, CPU, 50.0)
    for number in range(3)
    for name, seconds in (("engine", 0.1), ("a peer & others", 0.4))
]
TICKS = [
    TickRun(0, "engine", "nobody is due", 10, 0, None, None, 0.1, CPU, 50.0),
    TickRun(0, "engine", "everybody is due", 10, 10, 0.2, 1.5, 1.6, CPU, 50.0),
]


def written(folder: Path, **results: Sequence[Run] | Sequence[TickRun]) -> Path:
    for name, runs in results.items():
        Report("command", {}, {}, runs).write(folder / f"{name}.json")
    return folder


def test_medians_are_drawn_with_the_names_of_the_contestants(tmp_path: Path) -> None:
    results = written(tmp_path, ingest=INGEST, ticks=TICKS)
    assert main(["--results", str(results), "--folder", str(tmp_path)]) == 0
    drawn = (tmp_path / "performance-ingest.svg").read_text("utf-8")
    for text in ("hot: events a second, in thousands", "engine", "0.91", "a peer &amp; others", "0.71"):
        assert f">{text}</text>" in drawn
    drawn = (tmp_path / "performance-ticks.svg").read_text("utf-8")
    for text in (
        "10 users, nobody is due: milliseconds until the tick has ended",
        "100",
        "10 users, everybody is due: milliseconds until the last message is visible",
        "1,500",
    ):
        assert f">{text}</text>" in drawn


def test_the_same_results_make_the_same_chart(tmp_path: Path) -> None:
    results = written(tmp_path, ingest=INGEST)
    charts = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        assert main(["--results", str(results), "--folder", str(tmp_path / name)]) == 0
        [chart] = (tmp_path / name).iterdir()
        charts.append(chart.read_bytes())
    assert charts[0] == charts[1]
    assert b"<dc:date>" not in charts[0]


def test_without_results_nothing_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--results", str(tmp_path), "--folder", str(tmp_path)]) == 3
    assert "make bench-peers" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
