"""What a replay did, or would do, in words and as JSON."""

from collections.abc import Mapping
from typing import Any

from consumer.controls import printable
from consumer.replaying import Obstacle, Tally

_WHY = {
    Obstacle.TRUNCATED: "were too large for the dead-letter topic: the rest of them is lost",
    Obstacle.OTHER_TOPIC: "came from a topic that is not an input topic of these settings",
    Obstacle.NO_PARTITION: "came from a partition that does not exist any more",
}


def as_json(tally: Tally, *, done: bool) -> dict[str, Any]:
    """The tally for programs; ``done`` is False where it is a forecast."""
    return {
        "done": done,
        "replayed": tally.replayed,
        "already_replayed": tally.already_replayed,
        "not_replayable": {obstacle.value: tally.not_replayable[obstacle] for obstacle in Obstacle},
    }


def summary(tally: Tally, *, done: bool) -> str:
    """The line that matters."""
    if done:
        return f"Replayed: {_letters(tally.replayed)}."
    return f"To be replayed: {_letters(tally.replayed)}. Nothing was sent; the same without --dry-run sends them."


def explanation(tally: Tally) -> list[str]:
    """A line for each kind of dead letters that are left out."""
    lines = [f"{tally.already_replayed} were replayed before"] if tally.already_replayed else []
    return lines + [f"{count} {_WHY[obstacle]}" for obstacle, count in sorted(tally.not_replayable.items())]


def count_line(counts: Mapping[str, int]) -> str:
    """How many records there are, by reason."""
    if not counts:
        return "There are no dead letters."
    of_which = ", ".join(f"{printable(reason)} {count}" for reason, count in sorted(counts.items()))
    total = sum(counts.values())
    return f"{total} record{'' if total == 1 else 's'}: {of_which}"


def _letters(count: int) -> str:
    return f"{count} dead letter{'' if count == 1 else 's'}"
