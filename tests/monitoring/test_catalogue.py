"""docs/metrics.md lists every metric and every log event, and nothing else."""

import re

import stamina
import structlog
from stamina.instrumentation import set_on_retry_hooks

from consumer import metrics
from domain.errors import TransientError
from tests.monitoring.log_events import LEVELS, loggers, written_events
from tests.monitoring.places import CATALOGUE
from tests.monitoring.registry import all_metrics

_ROW = re.compile(r"^\| `([\w.]+)` \| (.+) \|$", re.MULTILINE)
# Written by the library that tries again, for us; the next test but one holds that it does.
_RETRY_EVENT = "stamina.retry_scheduled"


def _rows() -> dict[str, list[str]]:
    """The cells of each row that begins with a name in code style."""
    found = _ROW.findall(CATALOGUE.read_text(encoding="utf-8"))
    assert len({name for name, _ in found}) == len(found), "a name stands there twice"
    return {name: rest.split(" | ") for name, rest in found}


def _metric_rows() -> dict[str, list[str]]:
    return {name: cells for name, cells in _rows().items() if cells[0] in {"counter", "gauge", "histogram"}}


def _event_rows() -> dict[str, list[str]]:
    return {name: cells for name, cells in _rows().items() if cells[0] in LEVELS}


def test_every_row_is_of_a_metric_or_of_a_log_event() -> None:
    assert _rows() == _metric_rows() | _event_rows()


def test_the_catalogue_lists_the_metrics_of_the_registry_with_type_and_labels() -> None:
    listed = {name: (cells[0], set(re.findall(r"`(\w+)`", cells[1]))) for name, cells in _metric_rows().items()}

    assert listed == {metric.name: (metric.kind, set(metric.labels)) for metric in all_metrics()}


def test_the_catalogue_lists_the_log_events_of_the_code_with_their_level() -> None:
    written = written_events() | {_RETRY_EVENT: {"warning"}}

    assert {name: {cells[0]} for name, cells in _event_rows().items()} == written


def test_every_row_says_what_it_means_and_what_to_do() -> None:
    for name, cells in _metric_rows().items():
        assert len(cells) == 4, name
        assert all(cells), name
    for name, cells in _event_rows().items():
        assert len(cells) == 3, name
        assert all(cells), name


def test_every_logger_is_called_log_so_that_its_events_are_found() -> None:
    assert loggers() == {"log"}


def test_what_is_tried_again_is_logged_and_counted() -> None:
    before = _retries()
    metrics.count_retries()
    try:
        with structlog.testing.capture_logs() as lines:
            for attempt in stamina.retry_context(on=TransientError, wait_initial=0, wait_max=0, wait_jitter=0):
                with attempt:
                    if attempt.num == 1:
                        raise TransientError("Kafka is away")
    finally:
        set_on_retry_hooks(None)

    assert [(line["event"], line["log_level"]) for line in lines] == [(_RETRY_EVENT, "warning")]
    assert _retries() == before + 1


def _retries() -> float:
    value = metrics.REGISTRY.get_sample_value("engagement_retries_total", {"error": "TransientError"})
    assert value is not None
    return value
