"""Engines with one defect built in, for showing that the tests would notice it.

Each function patches the engine inside the worker process before it starts (``ENGAGE_TEST_MUTANT``), and fails when
what it patches is written otherwise now. ``table.py`` says what catches each of them; ``python -m
tests.harness.mutants`` prints that.
"""

from collections.abc import Callable

from tests.harness.mutants import deciding, owning, publishing, rules


def none() -> None:
    """The engine as it is."""


_DEFECTS = (
    none,
    rules.no_frequency_rule,
    rules.last_event,
    owning.no_fence,
    owning.outbox_read_with_epoch,
    publishing.marker_not_read,
    publishing.marker_read_before_start,
    publishing.marker_read_once_and_epoch_not_asked,
    publishing.deliveries_not_checked,
    publishing.producer_kept,
    publishing.done_before_confirmation,
    deciding.position_before_batch,
    deciding.position_after_batch,
    deciding.barrier_before_tick,
    deciding.activity_between_chunks,
)
_HARMLESS = (publishing.marker_read_once, publishing.epoch_not_asked)

MUTANTS: dict[str, Callable[[], None]] = {defect.__name__: defect for defect in _DEFECTS}
"""Each breaks a promise, but ``none``."""

HARMLESS: dict[str, Callable[[], None]] = {defect.__name__: defect for defect in _HARMLESS}
"""Each takes away one of two guards of the same promise, and the other one is enough."""
