"""The time that a dashboard looks at."""

from dataclasses import dataclass

from tests.monitoring.expressions import Panel


@dataclass(frozen=True, slots=True)
class Window:
    """What a dashboard looks at: from ``start`` to ``end`` (Unix times), a point each ``step`` seconds."""

    start: float
    end: float
    step: int
    scrape_seconds: int = 1

    def step_of(self, panel: Panel) -> int:
        """What lies between two points of the panel."""
        return max(self.step, panel.least_seconds)

    def rate_seconds(self, panel: Panel) -> int:
        """Grafana's rate interval: a scrape more than the step, and at least four."""
        return max(self.step_of(panel) + self.scrape_seconds, 4 * self.scrape_seconds)
