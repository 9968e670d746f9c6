"""Asks Prometheus what each panel of the dashboard asks, as Grafana would."""

import math
from collections.abc import Iterator, Sequence

from tests.monitoring.drawing import Answer, legend
from tests.monitoring.expressions import Panel, filled_in, panels
from tests.monitoring.prometheus_server import Prometheus, Series
from tests.monitoring.window import Window


def look(prometheus: Prometheus, window: Window) -> list[Answer]:
    """What all panels show."""
    return [
        Answer(panel, [list(_series(prometheus, panel, window, *query)) for query in panel.queries])
        for panel in panels()
    ]


def _series(
    prometheus: Prometheus, panel: Panel, window: Window, query: str, template: str
) -> Iterator[tuple[str, Series]]:
    query = filled_in(query, window.rate_seconds(panel))
    if panel.kind == "stat":
        found = prometheus.now(query)
    else:
        found = prometheus.over(query, window.start, window.end, window.step_of(panel))
    for series in found:
        if any(math.isfinite(value) for _, value in series.points):
            yield legend(template, series.labels), series


def without_data(answers: Sequence[Answer]) -> list[str]:
    """Panels of which a query has no number to show."""
    return [answer.panel.title for answer in answers if not all(answer.by_query)]
