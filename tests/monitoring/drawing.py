"""The dashboard as one SVG picture: what Grafana would show, from what Prometheus answers."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from tests.monitoring.expressions import Panel
from tests.monitoring.formats import FORMATS
from tests.monitoring.prometheus_server import Series
from tests.monitoring.window import Window

# Of the grid that positions of panels are given in, in pixels; between two panels there is some room.
_COLUMN, _LINE, _GAP = 60, 30, 8
_COLORS = ("#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#37872d", "#8ab8ff")
_TEXT, _FAINT, _GRID, _CARD, _PAGE = "#ccccdc", "#8e8e9a", "#2c3235", "#181b1f", "#111217"
_LEFT, _TOP, _BOTTOM, _RIGHT = 62, 30, 56, 12


@dataclass(frozen=True, slots=True)
class Answer:
    """A panel and, for each of its queries, the series found, each with its legend."""

    panel: Panel
    by_query: Sequence[Sequence[tuple[str, Series]]]

    @property
    def series(self) -> list[tuple[str, Series]]:
        """All of them, in the order in which they are drawn."""
        return [named for found in self.by_query for named in found]


def legend(template: str, labels: Mapping[str, str]) -> str:
    """A legend with the labels in it."""
    for name, value in labels.items():
        template = template.replace("{{" + name + "}}", value)
    return template


def draw(rows: Sequence[tuple[str, int]], answers: Sequence[Answer], window: Window) -> str:
    """The picture. ``rows``: titles with their line in the grid."""
    lines = max(answer.panel.position["y"] + answer.panel.position["h"] for answer in answers)
    width, height = 24 * _COLUMN + _GAP, lines * _LINE + _GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
        f'<rect width="{width}" height="{height}" fill="{_PAGE}"/>',
    ]
    parts += (_label(_GAP, y * _LINE + 22, title, size=15) for title, y in rows)
    for answer in answers:
        place = answer.panel.position
        x, y = place["x"] * _COLUMN + _GAP, place["y"] * _LINE + _GAP
        frame = _Frame(place["w"] * _COLUMN - _GAP, place["h"] * _LINE - _GAP)
        parts.append(f'<g transform="translate({x},{y})">{"".join(_panel(answer, frame, window))}</g>')
    return "\n".join([*parts, "</svg>"]) + "\n"


@dataclass(frozen=True, slots=True)
class _Frame:
    width: int
    height: int


def _panel(answer: Answer, frame: _Frame, window: Window) -> Iterator[str]:
    yield f'<rect width="{frame.width}" height="{frame.height}" rx="3" fill="{_CARD}" stroke="{_GRID}"/>'
    yield _label(10, 18, answer.panel.title, size=12)
    if answer.panel.kind == "stat":
        yield _stat(answer, frame)
    elif not answer.series:
        yield _label(frame.width // 2, frame.height // 2, "No data", size=16, anchor="middle", color=_FAINT)
    else:
        yield from _graph(answer, frame, window)


def _stat(answer: Answer, frame: _Frame) -> str:
    defaults = answer.panel.json["fieldConfig"]["defaults"]
    if not answer.series:
        text, color = defaults["noValue"], _FAINT
    else:
        value = answer.series[0][1].points[-1][1]
        text = FORMATS[answer.panel.unit](value)
        reached = [step for step in defaults["thresholds"]["steps"] if step["value"] is None or value >= step["value"]]
        color = {"green": _COLORS[0], "orange": _COLORS[3], "red": _COLORS[4], "text": _TEXT}[reached[-1]["color"]]
    return _label(frame.width // 2, frame.height // 2 + 18, text, size=26, anchor="middle", color=color)


def _graph(answer: Answer, frame: _Frame, window: Window) -> Iterator[str]:
    start, end = window.start, window.end
    heights = _stacked(answer) if answer.panel.stacked else [dict(series.points) for _, series in answer.series]
    highest = max((value for line in heights for value in line.values() if math.isfinite(value)), default=0)
    top = _round_up(highest, 1024 if answer.panel.unit == "bytes" else 10)
    inner_width, inner_height = frame.width - _LEFT - _RIGHT, frame.height - _TOP - _BOTTOM

    def place(time: float, value: float) -> tuple[float, float]:
        return _LEFT + (time - start) / (end - start) * inner_width, _TOP + (1 - value / top) * inner_height

    for quarter in range(5):
        value = top * quarter / 4
        y = place(start, value)[1]
        yield f'<line x1="{_LEFT}" x2="{frame.width - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_GRID}"/>'
        yield _label(_LEFT - 6, y + 4, FORMATS[answer.panel.unit](value), anchor="end", color=_FAINT)
    for minute in range(math.ceil(start / 60), math.floor(end / 60) + 1):
        x = place(minute * 60, 0)[0]
        text = f"{minute // 60 % 24:02}:{minute % 60:02}"
        yield _label(x, frame.height - _BOTTOM + 14, text, anchor="middle", color=_FAINT)
    # The uppermost of a stack first, so that each covers what belongs to those below it.
    for index in reversed(range(len(heights))):
        points = [(time, value) for time, value in sorted(heights[index].items()) if math.isfinite(value)]
        color = _color(index)
        width = window.step_of(answer.panel) / (end - start) * inner_width * 0.8
        drawn = [(*place(*point), *place(point[0], 0)) for point in points]
        yield from _bars(drawn, width, color) if answer.panel.bars else _lines(drawn, color, answer.panel.stacked)
    yield from _legend([name for name, _ in answer.series], frame)


def _stacked(answer: Answer) -> list[dict[float, float]]:
    below: dict[float, float] = {}
    lines = []
    for _, series in answer.series:
        line = {time: below.get(time, 0) + value for time, value in series.points if math.isfinite(value)}
        below |= line
        lines.append(line)
    return lines


def _lines(points: Sequence[tuple[float, float, float, float]], color: str, filled: bool) -> Iterator[str]:
    if not points:
        return
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in points)
    # Opaque in a stack, since what lies below is drawn upon it.
    paint = f'fill="{_CARD}"' if filled else 'fill="none"'
    area = f"{points[0][0]:.1f},{points[0][3]:.1f} {line} {points[-1][0]:.1f},{points[-1][3]:.1f}"
    if filled:
        yield f'<polygon points="{area}" {paint}/>'
    yield f'<polygon points="{area}" fill="{color}" fill-opacity="{0.3 if filled else 0.08}"/>'
    yield f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="1.4"/>'


def _bars(points: Sequence[tuple[float, float, float, float]], width: float, color: str) -> Iterator[str]:
    # Each ends at its point, for it tells of the time before.
    for x, y, _, bottom in points:
        if bottom > y:
            place = f'x="{x - width:.1f}" y="{y:.1f}" width="{width:.1f}" height="{bottom - y:.1f}"'
            yield f'<rect {place} fill="{color}"/>'


def _legend(names: Sequence[str], frame: _Frame) -> Iterator[str]:
    """In two lines at most."""
    x, y = 12.0, frame.height - 24
    for index, name in enumerate(names):
        width = 26 + len(name) * 6.2
        if x > 12 and x + width > frame.width:
            x, y = 12.0, y + 15
        if y > frame.height:
            return
        yield f'<rect x="{x:.1f}" y="{y - 6}" width="10" height="4" fill="{_color(index)}"/>'
        yield _label(x + 14, y, name)
        x += width


def _color(index: int) -> str:
    return _COLORS[index % len(_COLORS)]


def _round_up(value: float, base: int) -> float:
    """The next number of which a quarter is still a short one."""
    if value <= 0:
        return 1.0
    power = base ** math.floor(math.log(value, base))
    steps = (1, 2, 4, 6, 8, 10, 20, 40, 60, 80, 100, 200, 400, 600, 800, 1024)
    return float(next(step * power for step in steps if step * power >= value))


def _label(x: float, y: float, text: str, *, size: int = 10, anchor: str = "start", color: str = _TEXT) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{color}">{escape(text)}</text>'
    )
