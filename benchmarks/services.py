"""A Kafka and a Postgres of our own, as their makers ship them but for what a single machine needs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from deploy.local.folders import run_folder
from deploy.local.kafka import KafkaBroker
from deploy.local.postgres import PostgresServer

POSTGRES_VERSION = 18
# The local platform leaves out Java's optimising compiler, which pays only for brokers that live longer than a test.
_JVM_OPTIONS = ("-XX:TieredStopAtLevel=4",)


@dataclass(frozen=True, slots=True)
class Services:
    """Where they are, and the pids of their first processes."""

    kafka: str
    broker_pid: int
    postgres_dsn: str
    postgres_pid: int
    folder: Path


@contextmanager
def running_services(folder: Path) -> Iterator[Services]:
    """Start both; stop both at the end, and remove what they hold."""
    with run_folder(folder) as own:
        broker = KafkaBroker(own / "kafka", jvm_options=_JVM_OPTIONS)
        postgres = PostgresServer(own / "postgres", POSTGRES_VERSION)
        try:
            broker.start()
            postgres.start()
            yield Services(broker.bootstrap_servers, broker.pid, postgres.dsn, postgres.pid, own)
        finally:
            postgres.stop()
            broker.stop()


def machine() -> dict[str, str | int]:
    """What this was measured on."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        "unknown",
    )
    return {
        "cores": os.cpu_count() or 0,
        "processor": model,
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
    }
