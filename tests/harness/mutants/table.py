"""What catches each mutant: the story that its workers live through, and the difference that is found in the end."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.harness.mutants import HARMLESS, MUTANTS
from tests.harness.mutants.stage import Result
from tests.harness.mutants.stories_activity import deaths_in_batches, late_activity
from tests.harness.mutants.stories_crowd import woken_owner
from tests.harness.mutants.stories_owners import commit_between, epoch_waits, repeated_commit
from tests.harness.mutants.stories_publishing import held_commit, late_commit, narrowed_topic
from tests.harness.temporary import Services

Story = Callable[[Services, str], Awaitable[Result]]


@dataclass(frozen=True, slots=True)
class Caught:
    """A mutant, the story that shows it, the kinds of difference of which one is found, and the faults until then."""

    mutant: str
    story: Story
    differences: tuple[str, ...]
    faults: int = 1

    @property
    def left_out(self) -> str:
        """What is wrong with the mutant."""
        return summary(MUTANTS[self.mutant])


@dataclass(frozen=True, slots=True)
class Guarded:
    """A defect that shows in no story, the other guard of the same promise, and the mutant that lacks both."""

    defect: str
    story: Story
    guard: str
    without_both: str

    @property
    def left_out(self) -> str:
        """What is wrong with it."""
        return summary(HARMLESS[self.defect])


CAUGHT = (
    Caught("no_frequency_rule", woken_owner, ("unexpected message",), faults=0),
    Caught("last_event", woken_owner, ("unexpected message",), faults=0),
    Caught("no_fence", woken_owner, ("missing message",), faults=2),
    Caught("marker_not_read", woken_owner, ("repeated message",), faults=2),
    Caught("marker_read_before_start", commit_between, ("repeated message",), faults=2),
    Caught("marker_read_once_and_epoch_not_asked", repeated_commit, ("repeated message",), faults=2),
    Caught("outbox_read_with_epoch", epoch_waits, ("halted shard",)),
    # By whether the marker was in the transaction when the late commit came.
    Caught("producer_kept", late_commit, ("repeated message", "missing message")),
    Caught("deliveries_not_checked", narrowed_topic, ("missing message",)),
    Caught("done_before_confirmation", held_commit, ("early cycle",)),
    Caught("position_before_batch", deaths_in_batches, ("missing message",)),
    Caught("position_after_batch", deaths_in_batches, ("repeated dead letter",), faults=2),
    Caught("activity_between_chunks", late_activity, ("missing message",)),
    Caught("barrier_before_tick", late_activity, ("missing message",)),
)
_OTHER_GUARD = "marker_read_once_and_epoch_not_asked"
GUARDED = (
    Guarded("marker_read_once", repeated_commit, "a new producer's owner asks for the epoch", _OTHER_GUARD),
    Guarded("epoch_not_asked", repeated_commit, "each new producer reads the marker", _OTHER_GUARD),
)
STORIES: dict[str, Story] = {caught.story.__name__: caught.story for caught in CAUGHT}


def summary(described: object) -> str:
    """The first sentence of a docstring."""
    text = " ".join((described.__doc__ or "").split())
    return text.partition(". ")[0].rstrip(".")


def markdown() -> str:
    """The whole of it as two tables, for a document."""
    lines = ["| mutant | what is wrong | what happens | what is found | faults |", "|---|---|---|---|---:|"]
    for row in CAUGHT:
        found = " or ".join(row.differences)
        lines.append(f"| `{row.mutant}` | {row.left_out} | {summary(row.story)} | {found} | {row.faults} |")
    lines += ["", "| defect | what is wrong | what makes it harmless | without both |", "|---|---|---|---|"]
    for guarded in GUARDED:
        lines.append(f"| `{guarded.defect}` | {guarded.left_out} | {guarded.guard} | `{guarded.without_both}` |")
    return "\n".join(lines)
