"""Coroutines driven by hand, from one call to the outside to the next: what runs when is the simulation's choice."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from types import coroutine
from typing import Any, TypeVarTuple

from domain.errors import EngagementError

Ts = TypeVarTuple("Ts")


class KilledError(BaseException):
    """The process that runs the unit was killed at a step."""


class TimelessLoop(asyncio.SelectorEventLoop):
    """Timers fire at once: whoever sleeps goes on, and nothing depends on a clock."""

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(self.time(), callback, args, self, context)
        callback(*args)
        return handle


@coroutine
def pause() -> Generator[None, None, None]:
    """Let the simulation choose who goes on."""
    yield


class Unit:
    """One piece of work. It stops at each ``pause``, and where it waits for another unit's lock."""

    def __init__(self, work: Coroutine[Any, Any, object]) -> None:
        self.ended = False
        self.error: EngagementError | None = None
        self._work = work
        self._waits_for: asyncio.Future[Any] | None = None

    @property
    def can_go_on(self) -> bool:
        """Whether it is neither at its end nor waiting for another unit."""
        return not self.ended and (self._waits_for is None or self._waits_for.done())

    def go_on(self, failure: EngagementError | None = None) -> None:
        """Run to the next stop, or raise the failure where it stands.

        An error that it ends with is kept in ``error``. Raises KilledError, and whatever is a defect.
        """
        try:
            self._waits_for = self._work.send(None) if failure is None else self._work.throw(failure)
        except StopIteration:
            self.ended = True
        except EngagementError as error:
            self.ended = True
            self.error = error
        except BaseException:
            self.ended = True
            raise

    def drop(self) -> None:
        """End it where it stands, as if the process that runs it had ended."""
        while not self.ended:
            try:
                self._work.throw(asyncio.CancelledError())
            except (StopIteration, asyncio.CancelledError, EngagementError):
                self.ended = True


def at_once(work: Coroutine[Any, Any, object]) -> None:
    """Run what needs nobody else to its end."""
    unit = Unit(work)
    while not unit.ended:
        if not unit.can_go_on:
            raise RuntimeError("this waits for another unit")
        unit.go_on()
