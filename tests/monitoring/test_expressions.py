"""What dashboard and alerts ask for exists, with the labels that they ask for."""

import pytest

from tests.monitoring.expressions import TARGET_LABELS, TARGET_METRICS, expressions, groupings, selectors
from tests.monitoring.registry import all_metrics

_ALERT_LABELS = frozenset({"alertname", "alertstate"})
_SAMPLES = {name: labels for metric in all_metrics() for name, labels in metric.samples.items()}
_VALUES = {name: metric.values for metric in all_metrics() for name in metric.samples}


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_query_names_metrics_labels_and_values_that_exist(expression: str) -> None:
    found = list(selectors(expression))

    assert found
    for selector in found:
        labels = _labels(selector.metric)
        for label, operator, value in selector.matchers:
            assert label in labels, f"{selector.metric} has no label {label}"
            known = _VALUES.get(selector.metric, {}).get(label)
            if known is not None:
                wanted = value.split("|") if operator in {"=~", "!~"} else [value]
                assert known.issuperset(wanted), f"{label} of {selector.metric} is never {value}"


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_query_groups_by_labels_that_its_metrics_have(expression: str) -> None:
    labels = frozenset[str]().union(*(_labels(selector.metric) for selector in selectors(expression)))

    assert groupings(expression) <= labels


def test_every_metric_of_the_engine_is_in_a_panel_or_an_alert() -> None:
    asked = {selector.metric for expression in expressions() for selector in selectors(expression)}

    unseen = {metric.name for metric in all_metrics() if not asked & metric.samples.keys()}
    # The version is a fact, not a figure; the interpreter's own are for whoever looks for a fault in it.
    assert {name for name in unseen if name.startswith("engagement_")} == {"engagement_build_info"}


def _labels(metric: str) -> frozenset[str]:
    if metric in TARGET_METRICS:
        return TARGET_LABELS | _ALERT_LABELS
    assert metric in _SAMPLES, f"no metric shows {metric}"
    return _SAMPLES[metric] | TARGET_LABELS
