"""All rounds of what many shards cost."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.progress import Progress as ProgressBar

from benchmarks.ingest import in_turn
from benchmarks.services import Services
from benchmarks.shards.figures import Footprint, Move
from benchmarks.shards.footprints import measure_footprint
from benchmarks.shards.moving import measure_moves
from benchmarks.streams import STREAMS, Stream
from consumer.settings import Settings

_MANY = 64
_SESSION_TIMEOUT_SECONDS: float = Settings.model_fields["session_timeout_seconds"].default


@dataclass(frozen=True, slots=True)
class Sizes:
    """A stream whose shards move, and streams that differ in their shards only, for the memory of a process."""

    moving: Stream
    held: Sequence[Stream]
    session_timeout_seconds: float = _SESSION_TIMEOUT_SECONDS


@dataclass(frozen=True, slots=True)
class Shards:
    """What was found, and after how long without a word Kafka takes a process for dead."""

    moves: Sequence[Move]
    footprints: Sequence[Footprint]
    session_timeout_seconds: float


FULL = Sizes(
    Stream("moving", users=100_000, events=200_000, partitions=_MANY),
    (STREAMS["spread"], replace(STREAMS["spread"], partitions=_MANY)),
)


async def measure_shards(services: Services, sizes: Sizes, rounds: int) -> Shards:
    """Raises WrongStateError."""
    moves: list[Move] = []
    footprints: list[Footprint] = []
    with ProgressBar() as bar:
        task = bar.add_task("writing events", total=rounds * (1 + len(sizes.held)))
        for stream in (sizes.moving, *sizes.held):
            await stream.load(services.kafka, _topic(stream))
        for number in range(rounds):
            bar.update(task, description=f"round {number + 1}: {sizes.moving.partitions} shards move")
            moves += await measure_moves(
                services, sizes.moving, _topic(sizes.moving), number, sizes.session_timeout_seconds
            )
            bar.advance(task)
        for number, stream in in_turn(sizes.held, rounds):
            bar.update(task, description=f"round {number + 1}: {stream.partitions} shards in one process")
            footprints.append(await measure_footprint(services, stream, _topic(stream), number))
            bar.advance(task)
    return Shards(moves, footprints, sizes.session_timeout_seconds)


def _topic(stream: Stream) -> str:
    return f"activity-shards-{stream.name}-{stream.partitions}"
