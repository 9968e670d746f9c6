"""The numbered steps of the service, each a function of its own, each announced before and after.

ARCHITECTURE.md lists the steps and what a crash right after each of them means. Whoever wires the service may pass a
hook that is told of them; the crash-point tests pass one that kills the process.
"""

import functools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar

StepHook = Callable[[str, Literal["before", "after"]], None]

STEPS: list[str] = []
"""The names of all steps, in the order in which the modules define them."""

_P = ParamSpec("_P")
_R = TypeVar("_R")


class HasHook(Protocol):
    """Whose methods are numbered steps."""

    hook: StepHook


_S = TypeVar("_S", bound=HasHook)
_Method = Callable[Concatenate[_S, _P], Awaitable[_R]]
_Step = Callable[Concatenate[_S, _P], Coroutine[Any, Any, _R]]


def no_hook(_step: str, _moment: Literal["before", "after"]) -> None:
    """Nobody listens."""


def step(name: str) -> Callable[[_Method[_S, _P, _R]], _Step[_S, _P, _R]]:
    """Make a method the numbered step ``name``: the hook of its object hears of it before and after."""
    STEPS.append(name)

    def numbered(method: _Method[_S, _P, _R]) -> _Step[_S, _P, _R]:
        async def announced(self: _S, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
            self.hook(name, "before")
            result = await method(self, *args, **kwargs)
            self.hook(name, "after")
            return result

        functools.update_wrapper(announced, method)
        return announced

    return numbered
