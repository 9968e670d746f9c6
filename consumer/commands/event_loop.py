"""Running a command's coroutine, and stopping it in order."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeVar

T = TypeVar("T")


def run_async(main: Coroutine[Any, Any, T]) -> T:
    """Run the coroutine to its end, on uvloop where that is installed."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main)


@contextlib.contextmanager
def stop_on_signals() -> Iterator[asyncio.Event]:
    """An event that SIGTERM or SIGINT sets. A second signal ends the process at once, as if nobody had asked first."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def request(number: signal.Signals) -> None:
        if stop.is_set():
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        stop.set()

    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, request, number)
    try:
        yield stop
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def stop_when_stdin_ends(stop: asyncio.Event) -> None:
    """Set the event when nobody holds the other end of stdin any more. Nothing may be written into it."""
    loop, stdin = asyncio.get_running_loop(), sys.stdin.fileno()

    def note() -> None:
        loop.remove_reader(stdin)
        stop.set()

    loop.add_reader(stdin, note)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if find_spec("uvloop") is None:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = import_module("uvloop").new_event_loop
    return factory
