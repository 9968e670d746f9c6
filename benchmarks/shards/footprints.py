"""The memory of one process that owns all shards, and how long its ticks take."""

from benchmarks.contestants import Engine, Scene
from benchmarks.ingest import WrongStateError, database, working
from benchmarks.meters import peak_memory_mb
from benchmarks.services import Services
from benchmarks.shards.figures import Footprint
from benchmarks.streams import Stream
from benchmarks.ticks import THRESHOLDS, everybody, run_tick, warm_up, watching


async def measure_footprint(services: Services, stream: Stream, topic: str, number: int) -> Footprint:
    """One round, of a stream that lies in the topic. Raises WrongStateError."""
    engine, name = Engine(settings=THRESHOLDS), f"footprint-{stream.partitions}-{number}"
    async with database(services, name) as dsn:
        scene = Scene(services, topic, dsn, name, stream.partitions)
        async with working(engine, scene) as work, watching(engine, scene) as watch:
            pid = work.process.pid
            await work.until(stream.events)
            activity = peak_memory_mb(pid)
            small = [await run_tick(engine, case, number, scene, watch, pid, stream) for case in warm_up(stream)]
            last = await run_tick(engine, everybody(stream), number, scene, watch, pid, stream)
        if await engine.last_active(scene) != stream.last_active():
            raise WrongStateError(f"{name}: the state is not what the stream leads to")
    return Footprint(
        round=number,
        shards=stream.partitions,
        users=stream.users,
        activity=activity,
        everybody=last.peak_memory_mb,
        first_tick=small[0].ended,
        small_ticks=[run.ended for run in small[1:]],
        last_tick=last.ended,
        cpu=last.cpu,
    )
