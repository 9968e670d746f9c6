"""`python -m benchmarks.charts`: bar charts of what was measured last, as SVG for docs/PERFORMANCE.md.

The same results make the same files, byte for byte.
"""

import argparse
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import matplotlib as mpl
import msgspec
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.results import Run, TickRun
from deploy.local.folders import LOCAL_FOLDER

R = TypeVar("R", Run, TickRun)

_DOCS = Path(__file__).parents[1] / "docs"
_NO_RESULTS = 3
_MEASURE = "engine"
_INK, _OTHERS = "#1f6feb", "#9aa4b2"
_WIDTH, _BAR, _EDGES = 8.0, 0.32, 0.9  # inches


class _Results(msgspec.Struct):
    runs: msgspec.Raw


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw each chart whose results are there, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.charts", description=__doc__)
    parser.add_argument("--results", type=Path, default=LOCAL_FOLDER / "bench", help="default: %(default)s")
    parser.add_argument("--folder", type=Path, default=_DOCS, help="default: %(default)s")
    chosen = parser.parse_args(arguments)
    found = [name for name in _CHARTS if (chosen.results / f"{name}.json").exists()]
    if not found:
        print(f"no results in {chosen.results}: `make bench-peers` makes them", file=sys.stderr)
        return _NO_RESULTS
    for name in found:
        path = chosen.folder / f"performance-{name}.svg"
        # Text stays text, in the reader's own font; names inside the file come from a fixed salt instead of chance.
        with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "benchmarks", "font.size": 9}):
            figure = _CHARTS[name](chosen.results / f"{name}.json")
            figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
        print(path)
    return 0


def _ingest(results: Path) -> Figure:
    runs = _read(results, list[Run])
    panels: dict[str, Mapping[str, Sequence[float]]] = {
        f"{stream}: events a second, in thousands": _by_contestant(
            [run for run in runs if run.stream == stream], lambda run: run.rate / 1e3
        )
        for stream in dict.fromkeys(run.stream for run in runs)
    }
    return _chart(panels)


def _ticks(results: Path) -> Figure:
    runs = _read(results, list[TickRun])
    panels: dict[str, Mapping[str, Sequence[float]]] = {}
    for case, users, due in dict.fromkeys((run.case, run.users, run.due) for run in runs):
        until = "the last message is visible" if due else "the tick has ended"
        panels[f"{users:,} users, {case}: milliseconds until {until}"] = _by_contestant(
            [run for run in runs if (run.case, run.users) == (case, users)],
            lambda run: 1e3 * (run.ended if run.last_message is None else run.last_message),
        )
    return _chart(panels)


_CHARTS: dict[str, Callable[[Path], Figure]] = {"ingest": _ingest, "ticks": _ticks}


def _read(path: Path, runs: type[list[R]]) -> list[R]:
    return msgspec.json.decode(msgspec.json.decode(path.read_bytes(), type=_Results).runs, type=runs)


def _by_contestant(runs: Sequence[R], figure: Callable[[R], float]) -> dict[str, list[float]]:
    figures: dict[str, list[float]] = {}
    for run in runs:
        figures.setdefault(run.contestant, []).append(figure(run))
    return figures


def _chart(panels: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """By title, and then by contestant, the figures of the rounds."""
    heights = [len(bars) * _BAR + _EDGES for bars in panels.values()]
    figure = Figure(figsize=(_WIDTH, sum(heights)), layout="constrained")
    places = figure.subplots(len(panels), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
    for axes, (title, bars) in zip(places.flat, panels.items(), strict=True):
        _panel(axes, title, bars)
    return figure


def _panel(axes: Axes, title: str, bars: Mapping[str, Sequence[float]]) -> None:
    """The median as a bar, with a line from the least to the greatest."""
    medians = [statistics.median(figures) for figures in bars.values()]
    reach = [
        [median - min(figures) for median, figures in zip(medians, bars.values(), strict=True)],
        [max(figures) - median for median, figures in zip(medians, bars.values(), strict=True)],
    ]
    colours = [_INK if name == _MEASURE else _OTHERS for name in bars]
    drawn = axes.barh(list(bars), medians, xerr=reach, color=colours, error_kw={"elinewidth": 1, "capsize": 2})
    axes.bar_label(drawn, [_number(median) for median in medians], padding=4)
    axes.set_title(title, loc="left")
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"


if __name__ == "__main__":
    sys.exit(main())
