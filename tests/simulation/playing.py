"""Plays histories by their seeds."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, NoReturn

import structlog

from tests.fakes.store import FakeStore
from tests.simulation.history import History
from tests.simulation.units import TimelessLoop


class HistoryFailedError(AssertionError):
    """The engine did not do what was promised, or broke."""

    def __init__(self, history: History, error: Exception) -> None:
        super().__init__(
            f"seed {history.seed}, after {len(history.actions)} actions: {type(error).__name__}: {error}\n"
            f"replay it with python -m tests.simulation --seed {history.seed}"
        )
        self.history = history


def play(seed: int, store_type: type[FakeStore] = FakeStore, *, with_log: bool = False) -> History:
    """Play the history of the seed; ``with_log``: what the engine logs stands among the actions.

    Raises HistoryFailedError.
    """

    async def played() -> History:
        history = History(seed, store_type)
        with engine_log(history.note if with_log else None):
            try:
                history.play()
            except Exception as error:
                raise HistoryFailedError(history, error) from error
            finally:
                history.deployment.end()
        return history

    with asyncio.Runner(loop_factory=TimelessLoop) as runner:
        return runner.run(played())


@contextlib.contextmanager
def engine_log(write: Callable[[str], None] | None) -> Iterator[None]:
    """What the engine logs goes to ``write``, or nowhere."""

    def note(_logger: object, level: str, event: MutableMapping[str, Any]) -> NoReturn:
        if write is not None:
            write(f"    {level}: " + ", ".join(f"{name} {value}" for name, value in event.items()))
        raise structlog.DropEvent

    before = structlog.get_config()
    level = logging.CRITICAL if write is None else logging.INFO
    structlog.configure(processors=[note], wrapper_class=structlog.make_filtering_bound_logger(level))
    try:
        yield
    finally:
        structlog.configure(**before)
