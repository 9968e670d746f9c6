"""What the registry holds: each metric with its samples' names and labels, without asking its values."""

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.registry import Collector

from consumer.metrics import LABEL_VALUES, REGISTRY

_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric as ``/metrics`` shows it: a counter by its name with ``_total``."""

    name: str
    kind: str
    labels: tuple[str, ...]
    values: dict[str, frozenset[str]]
    """What each label can hold, where that is known beforehand."""

    @property
    def samples(self) -> dict[str, frozenset[str]]:
        """The names of its series with their labels."""
        base = self.name.removesuffix("_total") if self.kind == "counter" else self.name
        return {
            base + suffix: frozenset((*self.labels, "le") if suffix == "_bucket" else self.labels)
            for suffix in _SUFFIXES[self.kind]
        }


def own_metrics() -> list[Metric]:
    """Those of the engine."""
    return [_metric(each) for each in _collectors() if isinstance(each, Counter | Gauge | Histogram)]


def all_metrics() -> list[Metric]:
    """Those of process and interpreter too."""
    own = own_metrics()
    names = {metric.name for metric in own}
    return own + [metric for metric in _measured() if metric.name not in names]


def _collectors() -> list[Collector]:
    return list(dict.fromkeys(REGISTRY._names_to_collectors.values()))


def _metric(found: Counter | Gauge | Histogram) -> Metric:
    labels = tuple(found._labelnames)
    values = {name: frozenset(values) for name, values in zip(labels, LABEL_VALUES.get(found, ()), strict=False)}
    return Metric(_shown_name(found._name, found._type), found._type, labels, values)


def _measured() -> Iterator[Metric]:
    for family in REGISTRY.collect():
        labels = tuple(sorted({label for sample in family.samples for label in sample.labels}))
        yield Metric(_shown_name(family.name, family.type), family.type, labels, {})


def _shown_name(name: str, kind: str) -> str:
    return f"{name}_total" if kind == "counter" else name
