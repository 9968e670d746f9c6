"""Defects in what a tick sees: in taking activity in, and in the order of that and of the tick's chunks."""

from consumer.cycle import TickEvaluation
from consumer.ingest import Ingest
from consumer.worker import ShardWorker
from tests.harness.mutants.patching import rewrite

_MOVE = """async with self._shard.transaction(position=decoded.position) as moved:
    moved.state = replace(moved.state, position=decoded.next_position)
    await self._shard.commit(moved)
"""


def position_before_batch() -> None:
    """The position is moved in a transaction before that of the batch."""
    rewrite(
        Ingest, "take_in", ("async with contextlib.AsyncExitStack()", f"{_MOVE}async with contextlib.AsyncExitStack()")
    )
    rewrite(Ingest, "_begin", ("position=decoded.position,", "position=decoded.next_position,"))


def position_after_batch() -> None:
    """The position is moved in a transaction after that of the batch."""
    rewrite(Ingest, "take_in", ("seconds = decoded.seconds", f"{_MOVE}seconds = decoded.seconds"))
    rewrite(Ingest, "_begin", ("write.state = replace(write.state, position=decoded.next_position)", ""))


def barrier_before_tick() -> None:
    """The barrier is asked for before the tick is known: when the tick before was chosen."""
    rewrite(
        TickEvaluation,
        "choose",
        (
            "ticks = await self._choose(usable)",
            "barrier = vars(self).get('barrier')\nticks = await self._choose(usable)",
        ),
        (
            "ticks[:-1], await self._ask_barrier())",
            "ticks[:-1], await self._ask_barrier() if barrier is None else barrier)",
        ),
        ("self._looked_to = judged_to", "self.barrier = await self._ask_barrier()\nself._looked_to = judged_to"),
    )


def activity_between_chunks() -> None:
    """Activity is taken in as soon as it comes, also between the chunks of a tick."""
    room = "if not self.shard.has_room:"
    taken_in = "if evaluation.under_way and self._decoded is not None:\n    return self._take_in\n"
    rewrite(ShardWorker, "_next", (room, f"{taken_in}{room}"))
