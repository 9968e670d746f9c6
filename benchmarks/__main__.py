"""`make bench`: the engine and what a user would pick instead, as JSON and as the tables of docs/."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from benchmarks.capacity.measuring import FULL as CAPACITY
from benchmarks.capacity.measuring import measure_capacity
from benchmarks.capacity.tables import capacity_tables
from benchmarks.contestants import Contestant, Engine, Evaluates, FastStream, KafkaStreams, Plain, Quix
from benchmarks.floors import FULL, measure_floors
from benchmarks.ingest import WrongStateError, measure_ingest
from benchmarks.latency import FULL as LATENCY
from benchmarks.latency import measure_latency
from benchmarks.results import (
    FloorRun,
    Measured,
    Report,
    TickRun,
    floor_tables,
    ingest_tables,
    latency_table,
    scale_tables,
    size_table,
    tick_tables,
    tutorial_tables,
)
from benchmarks.services import POSTGRES_VERSION, Services, machine, running_services
from benchmarks.shards.measuring import FULL as SHARDS
from benchmarks.shards.measuring import measure_shards
from benchmarks.shards.tables import shard_tables
from benchmarks.sizes import Sizes, measure_sizes
from benchmarks.streams import STREAMS
from benchmarks.ticks import THRESHOLDS, cases, measure_ticks
from benchmarks.tutorial import USERS, loops, measure_tutorial
from deploy.documents.sections import replaced
from deploy.local.errors import PlatformError
from deploy.local.folders import LOCAL_FOLDER
from deploy.local.jars import kafka_version

_WRONG, _NO_PLATFORM = 1, 3
_LIBRARIES = ("aiokafka", "asyncpg", "pydantic", "msgspec", "uvloop")
_FEW_DUE = 5_000
_PROCESSES = (1, 2, 4)


@dataclass(frozen=True, slots=True)
class Plan:
    """How often, on which streams, and beside whom."""

    rounds: int
    streams: Sequence[str]
    peers: bool


def main() -> int:
    """Measure what the command line asks for and return the exit code."""
    arguments = _parser().parse_args()
    streams = arguments.streams or (list(STREAMS) if arguments.what == "ingest" else ["spread"])
    try:
        with running_services(LOCAL_FOLDER) as services:
            report, section = _MEASUREMENTS[arguments.what](services, Plan(arguments.rounds, streams, arguments.peers))
    except PlatformError as error:
        print(error, file=sys.stderr)
        return _NO_PLATFORM
    except WrongStateError as error:
        print(error, file=sys.stderr)
        return _WRONG
    report.write(LOCAL_FOLDER / "bench" / f"{arguments.what}.json")
    print(section)
    if arguments.document:
        text = arguments.document.read_text(encoding="utf-8")
        section = f"\n{report.provenance}\n\n{section.strip()}\n"
        arguments.document.write_text(replaced(text, arguments.what, section), encoding="utf-8")
    return 0


def _ingest(services: Services, plan: Plan) -> tuple[Report, str]:
    contestants: list[Contestant] = [Engine(), Plain(), Plain(max_records=50_000)]
    if plan.peers:
        quix = Quix(), Quix("at least once")
        contestants += [KafkaStreams(), KafkaStreams(threads=2), *quix, FastStream()]
    streams = [STREAMS[name] for name in plan.streams]
    runs = asyncio.run(measure_ingest(services, streams, contestants, plan.rounds))
    return _report("ingest", plan, runs), "\n".join(ingest_tables(runs, "engine"))


def _ticks(services: Services, plan: Plan) -> tuple[Report, str]:
    contestants: list[Evaluates] = [Engine(settings=THRESHOLDS)]
    if plan.peers:
        contestants += [KafkaStreams(), KafkaStreams(threads=2)]
    runs: list[TickRun] = []
    for stream in (STREAMS[name] for name in plan.streams):
        runs += asyncio.run(measure_ticks(services, stream, cases(stream, _FEW_DUE), contestants, plan.rounds))
    return _report("ticks", plan, runs), "\n".join(tick_tables(runs))


def _floors(services: Services, plan: Plan) -> tuple[Report, str]:
    runs: list[FloorRun] = []
    for name in plan.streams:
        runs += asyncio.run(measure_floors(services, replace(FULL, stream=STREAMS[name]), plan.rounds))
    return _report("floors", replace(plan, peers=False), runs), "\n".join(floor_tables(runs))


def _tutorial(services: Services, plan: Plan) -> tuple[Report, str]:
    runs = asyncio.run(measure_tutorial(services, USERS, loops(), plan.rounds))
    return _report("tutorial", replace(plan, streams=(), peers=False), runs), "\n".join(tutorial_tables(runs, "engine"))


def _latency(services: Services, plan: Plan) -> tuple[Report, str]:
    waits = asyncio.run(measure_latency(services, LATENCY))
    return _report("latency", replace(plan, rounds=1, streams=(), peers=False), waits), "\n".join(latency_table(waits))


def _scale(services: Services, plan: Plan) -> tuple[Report, str]:
    engines = [Engine(processes=number) for number in _PROCESSES]
    streams = [STREAMS[name] for name in plan.streams]
    runs = asyncio.run(measure_ingest(services, streams, engines, plan.rounds))
    ticks: list[TickRun] = []
    for stream in streams:
        *_, everybody = cases(stream, _FEW_DUE)
        evaluating = [replace(engine, settings=THRESHOLDS) for engine in engines]
        ticks += asyncio.run(measure_ticks(services, stream, [everybody], evaluating, plan.rounds))
    return _report("scale", replace(plan, peers=False), [*runs, *ticks]), "\n".join(scale_tables(runs, ticks))


def _sizes(services: Services, plan: Plan) -> tuple[Report, str]:
    runs = asyncio.run(measure_sizes(services, Sizes()))
    return _report("sizes", replace(plan, rounds=1, streams=(), peers=False), runs), "\n".join(size_table(runs))


def _capacity(services: Services, plan: Plan) -> tuple[Report, str]:
    measured = asyncio.run(measure_capacity(services, CAPACITY, plan.rounds))
    points = [*measured.fitted, *measured.held_back]
    return _report("capacity", replace(plan, streams=(), peers=False), points), "\n".join(capacity_tables(measured))


def _shards(services: Services, plan: Plan) -> tuple[Report, str]:
    measured = asyncio.run(measure_shards(services, SHARDS, plan.rounds))
    found: list[Measured] = [*measured.moves, *measured.footprints]
    return _report("shards", replace(plan, streams=(), peers=False), found), "\n".join(shard_tables(measured))


_MEASUREMENTS: dict[str, Callable[[Services, Plan], tuple[Report, str]]] = {
    "ingest": _ingest,
    "ticks": _ticks,
    "floors": _floors,
    "tutorial": _tutorial,
    "latency": _latency,
    "scale": _scale,
    "sizes": _sizes,
    "capacity": _capacity,
    "shards": _shards,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", choices=_MEASUREMENTS)
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument(
        "--streams",
        nargs="+",
        choices=STREAMS,
        help="default: spread, and for ingest hot too; the tutorial has one of its own",
    )
    parser.add_argument(
        "--peers", action="store_true", help="ingest and ticks: all that are compared, and not only the plain script"
    )
    parser.add_argument("--document", type=Path, help="where the tables take the place of the former ones")
    return parser


def _report(what: str, plan: Plan, runs: Sequence[Measured]) -> Report:
    command = f"python -m benchmarks {what} --rounds {plan.rounds}"
    command += f" --streams {' '.join(plan.streams)}" if plan.streams else ""
    command += " --peers" if plan.peers else ""
    versions = {
        "Kafka": kafka_version(),
        "PostgreSQL": str(POSTGRES_VERSION),
        "Python": sys.version.split()[0],
        **{name: version(name) for name in _LIBRARIES},
    }
    return Report(command, machine(), versions, runs)


if __name__ == "__main__":
    sys.exit(main())
