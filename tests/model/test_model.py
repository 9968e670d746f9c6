"""The protocol keeps its promises in every history of the models, and each wrong variant breaks one."""

import re
from functools import cache
from typing import Any

import pytest

import consumer.wiring  # noqa: F401 - imports all that defines steps
from consumer.steps import STEPS
from tests.model.explore import Exploration, LeftAlone, Model, TooManyStatesError, explore
from tests.model.publishing import Publishing
from tests.model.variants import SOUND, VARIANTS, Variant

# The sums of a tick: they are no matter of order, and the property tests of cycles hold them against the rules.
NOT_MODELLED = {"tick 5"}
FAULTS = {
    "publishing": {
        "dies",
        "tick 6: answer lost",
        "tick 6: not committed",
        "publish 4: answer lost",
        "publish 4: not committed",
        "publish 4: refused",
        "publish 2: messages not delivered",
        "publish 2: marker not delivered",
        "publish 2: messages refused",
        "publish 3: answer lost",
        "publish 3: request lost",
        "publish 3: late",
        "publish 3: slow, a copy is late",
        "publish 3: refused",
        "initialise: epoch asked, refused",
        "initialise: epoch asked again, refused",
        "tick 2 refused",
        "take-over 2: refused",
        "Kafka: a late copy of a commit arrives",
        "Kafka: aborts after the timeout",
    },
    "ingest": {
        "dies",
        "Postgres: crashes",
        "Postgres: writes its log",
        "batch 4: answer lost",
        "batch 4: not committed",
        "batch 4: with a dead letter",
        "batch 2, refused for the epoch",
        "batch 2, refused for the position",
        "tick 2, refused for the epoch",
        "tick 2, refused for the position",
    },
    "judging": {"judging: answer lost", "tick 2: answer lost", "publish 4: answer lost", "adds a shard"},
    "choosing": {"restarts", "judging: answer lost", "other worker: judging"},
}


@cache
def explored(name: str) -> Exploration:
    return explore(SOUND[name]())


def happened(model: str) -> set[str]:
    """What happened in any size of a model, whoever did it."""
    labels = {label for name in SOUND if name.startswith(f"{model},") for label in explored(name).labels}
    return {re.sub(r"^([ABC]|(strict|lax) worker(, shard \d)?): ", "", label) for label in labels}


def step_of(label: str) -> str:
    return re.split(r"[:,]| refused| not delivered", label)[0]


@pytest.mark.parametrize("name", SOUND)
def test_no_history_of_the_protocol_breaks_a_promise(name: str) -> None:
    assert explored(name).violation is None


@pytest.mark.parametrize("model", FAULTS)
def test_every_fault_happens(model: str) -> None:
    assert FAULTS[model] - happened(model) == set()


def test_every_numbered_step_happens_and_the_steps_of_the_models_are_those_of_the_engine() -> None:
    numbered = {step_of(label) for model in FAULTS for label in happened(model)}
    assert set(STEPS) - numbered == NOT_MODELLED
    looking_like_steps = {step for step in numbered if re.match(r".*\d$|initialise|judging", step)}
    assert looking_like_steps <= set(STEPS)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.wrong.split(":")[0].replace(" ", "-"))
def test_a_wrong_variant_breaks_its_promise(variant: Variant) -> None:
    violation = explore(variant.model()).violation
    assert violation is not None
    assert variant.breaks in violation.what


def test_an_exploration_that_grows_too_large_fails_loudly() -> None:
    with pytest.raises(TooManyStatesError, match="more than 100 states"):
        explore(Publishing(), most_states=100)


class Counter:
    """Counts to four in steps of one or two."""

    def __init__(self, forbidden: int) -> None:
        self._forbidden = forbidden

    def initial(self) -> int:
        return 0

    def steps(self, state: int) -> list[tuple[str, int]]:
        return [(f"add {more}", state + more) for more in (1, 2) if state + more <= 4]

    def violation(self, state: int) -> str | None:
        return "it is reached" if state == self._forbidden else None

    def key(self, state: int) -> int:
        return state


def test_the_history_of_a_violation_is_a_shortest_one() -> None:
    model: Model[Any] = Counter(forbidden=4)
    violation = explore(model).violation
    assert violation is not None
    assert violation.history == ("add 2", "add 2")


def test_without_a_violation_every_state_is_seen() -> None:
    assert explore(Counter(forbidden=9)) == Exploration(5, 2, frozenset({"add 1", "add 2"}), None)


@pytest.mark.parametrize(("end", "verdict"), [(4, None), (3, "add 1 > add 1 > add 1 > add 1 > it ends at 4")])
def test_whoever_is_left_alone_must_end_well_by_every_way(end: int, verdict: str | None) -> None:
    alone = LeftAlone(Counter(forbidden=9), lambda state: None if state == end else f"it ends at {state}")
    assert alone.fails(0) == verdict


class Circle(Counter):
    """Counts in a circle."""

    def steps(self, state: int) -> list[tuple[str, int]]:
        return [("on", (state + 1) % 3)]


def test_whoever_is_left_alone_must_not_go_round_in_a_circle() -> None:
    assert LeftAlone(Circle(forbidden=9), lambda _: None).fails(0) == "on > on > on > it goes round in a circle"
