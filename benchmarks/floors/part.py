"""What all parts have in common."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from benchmarks.services import Services

Work = Callable[[], Awaitable[int]]


class Part(Protocol):
    """One part of the work. It is sent to a process of its own, so it can be pickled."""

    @property
    def name(self) -> str:
        """For tables."""

    @property
    def unit(self) -> str:
        """What is counted."""

    @property
    def count(self) -> int:
        """How many there are."""

    def ready(self, services: Services, name: str) -> AbstractAsyncContextManager[Work]:
        """Prepare everything for the work, which is done once and tells how many it did. No other run has the name."""
