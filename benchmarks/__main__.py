"""`make bench`: the engine and what a user would pick instead, as JSON and as the tables of docs/PERFORMANCE.md."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.contestants import Contestant, Engine, Evaluates, KafkaStreams, Plain, Quix
from benchmarks.ingest import WrongStateError, measure_ingest
from benchmarks.results import Report, Run, TickRun, ingest_tables, tick_tables
from benchmarks.services import POSTGRES_VERSION, Services, machine, running_services
from benchmarks.streams import STREAMS
from benchmarks.ticks import THRESHOLDS, cases, measure_ticks
from deploy.documents.sections import replaced
from deploy.local.errors import PlatformError
from deploy.local.folders import LOCAL_FOLDER
from deploy.local.jars import kafka_version

_WRONG, _NO_PLATFORM = 1, 3
_LIBRARIES = ("aiokafka", "asyncpg", "pydantic", "msgspec", "uvloop")
_FEW_DUE = 5_000


@dataclass(frozen=True, slots=True)
class Plan:
    """How often, on which streams, and beside whom."""

    rounds: int
    streams: Sequence[str]
    peers: bool


def main() -> int:
    """Measure what the command line asks for and return the exit code."""
    arguments = _parser().parse_args()
    streams = arguments.streams or {"ingest": list(STREAMS), "ticks": ["spread"]}[arguments.what]
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
        contestants += [KafkaStreams(), KafkaStreams(threads=2), Quix()]
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


_MEASUREMENTS: dict[str, Callable[[Services, Plan], tuple[Report, str]]] = {
    "ingest": _ingest,
    "ticks": _ticks,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", choices=_MEASUREMENTS)
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--streams", nargs="+", choices=STREAMS, help="default: all; for ticks: spread")
    parser.add_argument("--peers", action="store_true", help="Kafka Streams and Quix Streams too")
    parser.add_argument("--document", type=Path, help="where the tables take the place of the former ones")
    return parser


def _report(what: str, plan: Plan, runs: list[Run] | list[TickRun]) -> Report:
    command = f"python -m benchmarks {what} --rounds {plan.rounds} --streams {' '.join(plan.streams)}"
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
