"""Looks at every state that a model can get into, in the order of the number of steps that lead there."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

MOST_STATES = 5_000_000

S = TypeVar("S", bound=Hashable)
Step = tuple[str, S]


class Model(Protocol[S]):
    """A system as its states and steps."""

    def initial(self) -> S:
        """Where every history begins."""

    def steps(self, state: S) -> Iterable[Step[S]]:
        """Everything that can happen next: what it is called, and the state that it leads to."""

    def violation(self, state: S) -> str | None:
        """Which promise the state breaks, if any."""

    def key(self, state: S) -> Hashable:
        """The same for states that differ in nothing that matters, such as two workers' names."""


class TooManyStatesError(Exception):
    """The model is larger than the bound: nothing was shown."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken promise, and the labels of a shortest history that breaks it."""

    what: str
    history: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exploration:
    """How many states were seen, the number of steps to the farthest, what happened on the way, and what broke.

    Without a violation, every state that can be reached was seen.
    """

    states: int
    depth: int
    labels: frozenset[str]
    violation: Violation | None


def explore(model: Model[S], most_states: int = MOST_STATES) -> Exploration:
    """Breadth first, until nothing new is found or a promise is broken. Raises TooManyStatesError."""
    initial = model.initial()
    # How each state was reached first, and so by the shortest way; one state stands for all of the same key.
    reached: dict[S, tuple[S, str] | None] = {initial: None}
    seen: set[Hashable] = {model.key(initial)}
    queue = deque([(initial, 0)])
    labels: set[str] = set()
    depth = 0
    while queue:
        state, depth = queue.popleft()
        what = model.violation(state)
        if what is not None:
            violation = Violation(what, _history(reached, state))
            return Exploration(len(seen), depth, frozenset(labels), violation)
        for label, following in model.steps(state):
            labels.add(label)
            key = model.key(following)
            if key not in seen:
                if len(seen) >= most_states:
                    raise TooManyStatesError(f"more than {most_states} states, {depth} steps deep")
                seen.add(key)
                reached[following] = state, label
                queue.append((following, depth + 1))
    return Exploration(len(seen), depth, frozenset(labels), None)


def _history(reached: dict[S, tuple[S, str] | None], state: S) -> tuple[str, ...]:
    labels: list[str] = []
    origin = reached[state]
    while origin is not None:
        state, label = origin
        labels.append(label)
        origin = reached[state]
    return tuple(reversed(labels))


class LeftAlone(Generic[S]):
    """Whether a system without faults always gets to its end, whatever it is left in.

    ``unfinished`` says of a state in which nothing more happens what is missing.
    """

    def __init__(self, model: Model[S], unfinished: Callable[[S], str | None]) -> None:
        self._model = model
        self._unfinished = unfinished
        self._verdicts: dict[S, str | None] = {}
        self._under_way: set[S] = set()

    def fails(self, state: S) -> str | None:
        """What goes wrong in some order of the steps, and that order; None when all of them end well."""
        if state in self._under_way:
            return "it goes round in a circle"
        if state not in self._verdicts:
            self._under_way.add(state)
            self._verdicts[state] = self._look(state)
            self._under_way.remove(state)
        return self._verdicts[state]

    def _look(self, state: S) -> str | None:
        steps = list(self._model.steps(state))
        if not steps:
            return self._unfinished(state)
        for label, following in steps:
            verdict = self.fails(following)
            if verdict is not None:
                return f"{label} > {verdict}"
        return None
