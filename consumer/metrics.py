"""What the service counts and measures, for Prometheus.

Counters tell of this process since its start: sums over the workers, and rates, mean something. No label holds what a
user, or whoever writes into a topic, can choose. docs/metrics.md lists all of them, with what to do about each.
"""

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator, Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    disable_created_metrics,
)
from prometheus_client.process_collector import ProcessCollector
from stamina.instrumentation import RetryDetails, StructlogOnRetryHook, set_on_retry_hooks

from domain.cycles import Figures
from domain.decision_logic import ELIGIBLE
from domain.errors import REASONS
from domain.records import OutgoingRecord
from domain.segmentation import Segment
from domain.ticks import Verdict
from domain.users import Outcome

# Else each counter and histogram would have a second series with the time of its making.
disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no types
REGISTRY = CollectorRegistry()
"""Everything that ``/metrics`` shows."""

ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

_PREFIX = "engagement"
# From one round trip on this machine's network to what a call may take (20 s).
_CALL_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)
# From a tick that is evaluated at once to one that waited for a day.
_AGE_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 21_600.0, 86_400.0)


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(name, text, labels, namespace=_PREFIX, registry=REGISTRY)


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    return Gauge(name, text, labels, namespace=_PREFIX, registry=REGISTRY)


def _histogram(name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
    return Histogram(name, text, labels, namespace=_PREFIX, registry=REGISTRY, buckets=buckets)


build_info = _gauge("build_info", "1, with the version of the engine", "version")

records = _counter(
    "records", "Input records that were dealt with: taken in, or rejected as dead letters", "input", "outcome"
)
dead_letters = _counter("dead_letters", "Dead letters, by reason", "input", "reason")
event_age = _histogram(
    "event_age_seconds",
    "How long ago the newest event of a batch happened, when the batch was committed",
    _AGE_BUCKETS,
)
ticks = _counter("ticks", "Records of the tick topic that this worker judged", "verdict")
tick_delay = _histogram(
    "tick_delay_seconds", "How long after its own time a tick began to be evaluated, per shard", _AGE_BUCKETS
)
decisions = _counter("decisions", "Evaluations of due users, by outcome", "outcome")
undecided = _counter("undecided_users", "Evaluations in which a rule failed, so that nothing was decided")
messages = _counter("messages", "Messages decided, by segment", "segment")
messages_published = _counter("messages_published", "Messages committed to Kafka")
cycles = _counter("cycles", "Cycles that ended with a shard of this worker", "status")

batch_duration = _histogram("batch_duration_seconds", "Reading a batch of activity into the state", _CALL_BUCKETS)
postgres_transaction_duration = _histogram(
    "postgres_transaction_duration_seconds",
    "Transactions of shards in Postgres, from begin to end",
    _CALL_BUCKETS,
    "result",
)
kafka_transaction_duration = _histogram(
    "kafka_transaction_duration_seconds", "Transactions of shards in Kafka, from begin to end", _CALL_BUCKETS, "result"
)
retries = _counter("retries", "Attempts that failed and are tried again, by kind of error", "error")
pool_connections = _gauge("postgres_pool_connections", "Connections to Postgres", "state")

rebalances = _counter("rebalances", "Assignments that the consumer group gave to this worker")
take_overs = _counter("take_overs", "Shards taken over by this worker")
shards_lost = _counter("shards_lost", "Ownerships that did not end by being given up, by what ended them", "cause")
owned_shards = _gauge("owned_shards", "Shards that this worker works for")
outbox_entries = _gauge("outbox_entries", "Entries of owned shards that are decided and not confirmed as published")
position_lag = _gauge("position_lag_records", "Offsets between a shard's position and its end, by owner", "shard")

surveyed_at = _gauge("last_survey_timestamp_seconds", "When the figures below were last asked for")
shards = _gauge("shards", "Shards of the deployment")
halted_shards = _gauge("halted_shards", "Shards that wait for an operator's decision: no cycle ends meanwhile")
tick_lag = _gauge("tick_lag_records", "Records of the tick topic that nobody has judged yet")
latest_tick_at = _gauge("latest_tick_timestamp_seconds", "The time of the newest usable tick; 0 while there is none")
cycle_ended_at = _gauge("last_cycle_end_timestamp_seconds", "When the cycle of the latest time ended")
cycle_tick_at = _gauge("last_cycle_tick_timestamp_seconds", "The time of that cycle's tick")
cycle_duration = _gauge("last_cycle_duration_seconds", "From the verdict on that cycle's tick to the cycle's end")
running_cycle_dealt_with = _gauge(
    "running_cycle_dealt_with_users", "Due users that the cycle under way has dealt with; 0 while there is none"
)
running_cycle_remaining = _gauge(
    "running_cycle_remaining_users", "Due users that it still has to deal with: an estimate where they are many"
)
running_cycle_rest = _gauge("running_cycle_rest_seconds", "How long that may take, at its speed so far")
history_removed = _counter("history_removed_rows", "Rows removed because they were older than the history", "table")

_INPUTS = ("activity", "ticks")
_TRANSACTIONS = ("ok", "failed")
LABEL_VALUES: dict[Counter | Gauge | Histogram, tuple[tuple[str, ...], ...]] = {
    records: (_INPUTS, ("accepted", "rejected")),
    dead_letters: (_INPUTS, REASONS),
    ticks: (tuple(Verdict),),
    decisions: ((ELIGIBLE, *Outcome),),
    messages: (tuple(Segment),),
    cycles: (("complete", "partial", "coalesced"),),
    postgres_transaction_duration: (_TRANSACTIONS,),
    kafka_transaction_duration: (_TRANSACTIONS,),
    retries: (("TransientError", "BeyondEndError"),),
    pool_connections: (("idle", "busy", "unopened"),),
    shards_lost: (("taken", "interrupted", "halted"),),
    history_removed: (("message", "tick"),),
}
"""What the labels can hold, for each metric whose labels are known beforehand."""

for _metric, _values in LABEL_VALUES.items():
    for _labels in itertools.product(*_values):
        # From 0 on: of a series that appears with 1, no rate would ever tell.
        _metric.labels(*_labels)


def count_dead_letters(source: str, letters: Sequence[OutgoingRecord]) -> None:
    """Count records that the input topic ``source`` (``activity`` or ``ticks``) brought and that can't be used."""
    for letter in letters:
        # The engine's own headers come last: of repeated names, dict keeps those.
        reason = dict(letter.headers)["engagement.error.reason"] or b""
        dead_letters.labels(source, reason.decode()).inc()
    records.labels(source, "rejected").inc(len(letters))


def count_decisions(made: Figures) -> None:
    """Count the evaluations of a chunk of users, and the messages that they led to."""
    decisions.labels(ELIGIBLE).inc(made.eligible)
    for outcome in Outcome:
        decisions.labels(outcome).inc(getattr(made, outcome))
    for segment in Segment:
        messages.labels(segment).inc(getattr(made, segment))


@contextlib.contextmanager
def timed_transaction(histogram: Histogram) -> Iterator[Callable[[], None]]:
    """Measure a transaction. Call what this gives once it has ended as it should; it counts as failed otherwise."""
    started = time.monotonic()
    results = ["failed"]
    try:
        yield lambda: results.append("ok")
    finally:
        histogram.labels(results[-1]).observe(time.monotonic() - started)


def watch_pool(most: Callable[[], int], size: Callable[[], int], idle: Callable[[], int]) -> None:
    """Show the connections of the service's pool, asked for at each scrape: together, as many as it may have."""
    pool_connections.labels("idle").set_function(idle)
    pool_connections.labels("busy").set_function(lambda: size() - idle())
    pool_connections.labels("unopened").set_function(lambda: most() - size())


def count_retries() -> None:
    """Count what stamina tries again, and let it log that.

    Its own counter has a label with the number of the attempt, which in a long outage would become thousands of series.
    """
    set_on_retry_hooks([StructlogOnRetryHook, _count_retry])


def _count_retry(details: RetryDetails) -> None:
    retries.labels(type(details.caused_by).__name__.lstrip("_")).inc()
