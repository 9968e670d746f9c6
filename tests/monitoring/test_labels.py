"""No label holds what a user, or whoever writes into a topic, can choose."""

import ast

from prometheus_client import generate_latest

from consumer import metrics
from domain.errors import REASONS
from tests.monitoring.places import ROOT, promtool
from tests.monitoring.registry import own_metrics

# Not known beforehand, yet bounded: the engine's own version, and a number below that of the partitions.
_OPEN = {("engagement_build_info", "version"), ("engagement_position_lag_records", "shard")}
_CLOSED = {
    "input": {"activity", "ticks"},
    "reason": set(REASONS),
    "segment": {"dormant", "new_user", "normal"},
    "state": {"idle", "busy", "unopened"},
    "result": {"ok", "failed"},
    "verdict": {"usable", "stale", "unusable"},
    "status": {"complete", "partial", "coalesced"},
    "cause": {"taken", "interrupted", "halted"},
    "table": {"message", "tick"},
    "error": {"TransientError", "BeyondEndError"},
}
_OUTCOMES = {
    "engagement_records_total": {"accepted", "rejected"},
    "engagement_decisions_total": {"eligible", "active", "recently_messaged"},
}


def test_every_label_has_a_closed_set_of_values_known_beforehand() -> None:
    unknown = {
        (metric.name, label) for metric in own_metrics() for label in metric.labels if label not in metric.values
    }

    assert unknown == _OPEN


def test_the_values_are_words_of_the_engine() -> None:
    for metric in own_metrics():
        for label, values in metric.values.items():
            expected = _OUTCOMES[metric.name] if label == "outcome" else _CLOSED[label]
            assert values == expected, f"{label} of {metric.name}"


def test_the_words_that_the_code_puts_into_labels_are_among_them() -> None:
    """A counter with another label value would come into being at its first use, when it is too late for a rate."""
    known = {metric.name: frozenset[str]().union(*metric.values.values()) for metric in own_metrics()}
    variables = {id(each): _shown(each) for each in metrics.LABEL_VALUES}
    by_variable = {name: known[variables[id(each)]] for name, each in vars(metrics).items() if id(each) in variables}

    used = _literal_labels()
    assert used
    assert [(name, word) for name, word in used if word not in by_variable[name]] == []


def test_every_series_with_known_labels_is_there_from_the_start() -> None:
    """Of a counter that appears with 1, no rate would ever tell."""
    for metric, values in metrics.LABEL_VALUES.items():
        expected = 1
        for each in values:
            expected *= len(each)
        assert len(metric._metrics) >= expected, metric._name


def test_promtool_finds_nothing_to_object_to_in_the_names() -> None:
    done = promtool("check", "metrics", text=generate_latest(metrics.REGISTRY).decode())

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def _shown(metric: object) -> str:
    [name] = [each.name for each in own_metrics() if each.name.removesuffix("_total") == getattr(metric, "_name", None)]
    return name


def _literal_labels() -> list[tuple[str, str]]:
    """Each ``metrics.NAME.labels("word", …)`` of the service: name and word."""
    found = []
    for path in sorted((ROOT / "consumer").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "labels":
                holder = node.func.value
                name = holder.attr if isinstance(holder, ast.Attribute) else getattr(holder, "id", "")
                words = [each.value for each in node.args if isinstance(each, ast.Constant)]
                found += [(name, word) for word in words if isinstance(word, str)]
    return found
