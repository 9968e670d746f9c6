"""The queries of dashboard and alert rules, and which metrics with which labels they name."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from tests.monitoring.places import ALERTS, DASHBOARD

JOB = "engagement-engine"
# What Prometheus itself adds to each series, and what it measures of each target.
TARGET_LABELS = frozenset({"job", "instance"})
TARGET_METRICS = frozenset({"up", "ALERTS"})

_METRIC = re.compile(r"\b(engagement_\w+|process_\w+|python_\w+|up|ALERTS)\b(?:\{([^}]*)\})?")
_MATCHER = re.compile(r"(\w+)\s*(=~|!~|!=|=)\s*\"([^\"]*)\"")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")


@dataclass(frozen=True, slots=True)
class Selector:
    """A metric as a query names it, with the matchers (label, operator, value) on it."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel of the dashboard. ``queries``: expression and legend of each."""

    title: str
    kind: str
    unit: str
    position: dict[str, int]
    least_seconds: int
    queries: tuple[tuple[str, str], ...]
    json: dict[str, Any]

    @property
    def stacked(self) -> bool:
        """Whether its series are drawn one upon the other."""
        custom = self.json["fieldConfig"]["defaults"].get("custom", {})
        return bool(custom.get("stacking", {}).get("mode") == "normal")

    @property
    def bars(self) -> bool:
        """Whether it is drawn in bars."""
        return bool(self.json["fieldConfig"]["defaults"].get("custom", {}).get("drawStyle") == "bars")


def dashboard() -> dict[str, Any]:
    """The dashboard as Grafana reads it."""
    found = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def panels() -> list[Panel]:
    """The panels that ask Prometheus for something."""
    return [_panel(each) for each in dashboard()["panels"] if each["type"] != "row"]


def _panel(found: dict[str, Any]) -> Panel:
    return Panel(
        title=found["title"],
        kind=found["type"],
        unit=found["fieldConfig"]["defaults"]["unit"],
        position=found["gridPos"],
        least_seconds=int(found.get("interval", "0s").removesuffix("m").removesuffix("s"))
        * (60 if found.get("interval", "").endswith("m") else 1),
        queries=tuple((target["expr"], target["legendFormat"]) for target in found["targets"]),
        json=found,
    )


def alert_rules() -> list[dict[str, Any]]:
    """All alert rules."""
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> list[str]:
    """Every query of the dashboard and every alert's condition, with the dashboard's variables in them."""
    queries = [query for panel in panels() for query, _ in panel.queries]
    marks = [mark["expr"] for mark in dashboard()["annotations"]["list"]]
    return [*queries, *marks, *(rule["expr"] for rule in alert_rules())]


def selectors(expression: str) -> Iterator[Selector]:
    """The metrics that a query names."""
    for metric, matchers in _METRIC.findall(_GROUPING.sub("", expression)):
        yield Selector(metric, tuple(_MATCHER.findall(matchers)))


def groupings(expression: str) -> set[str]:
    """The labels that a query groups by."""
    return {label.strip() for labels in _GROUPING.findall(expression) for label in labels.split(",")}


def filled_in(expression: str, rate_seconds: int) -> str:
    """The query with the dashboard's variables replaced."""
    return expression.replace("$job", JOB).replace("$__rate_interval", f"{rate_seconds}s")
