"""Kafka and Postgres in containers, for a machine that has a Docker engine and nothing else.

The libraries are imported when they are used: the other ways must work without them.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from deploy.local.errors import UnavailableError
from deploy.local.jars import kafka_version
from deploy.local.ports import free_port

_PING_API = "1.44"  # of Docker 25; the ping itself is answered in any version
_READY_SECONDS = 120  # the image may have to be fetched first, which is not counted here


def require_docker() -> None:
    """Raise UnavailableError, with the reason, unless a Docker engine answers."""
    try:
        import docker
        import requests
        import testcontainers  # noqa: F401  (its presence is the question)
    except ImportError as error:
        raise UnavailableError(f"the Python package {error.name} is not installed (`make install` does)") from error
    _require_socket()
    # Naming a version keeps the constructor from asking the engine for its own: then there is a client to close.
    client = docker.from_env(version=_PING_API)
    try:
        client.ping()
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise UnavailableError(f"no Docker engine answers: {error}") from error
    finally:
        client.close()


def _require_socket() -> None:
    """Try the engine's local socket first: Docker's client leaks its own when nobody answers there."""
    address = urlsplit(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
    if address.scheme != "unix":
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(address.path)
        except OSError as error:
            raise UnavailableError(f"no Docker engine answers at {address.path}: {error.strerror}") from error


@contextmanager
def docker_kafka() -> Iterator[str]:
    """Run one broker in a container; gives its bootstrap servers."""
    require_docker()
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    port = free_port()  # fixed beforehand, since a broker must know the address that clients see
    ready = LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(_READY_SECONDS)
    container = DockerContainer(f"apache/kafka:{kafka_version()}").with_bind_ports(9092, port).waiting_for(ready)
    for name, value in _kafka_environment(port).items():
        container.with_env(name, value)
    with container:
        yield f"127.0.0.1:{port}"


@contextmanager
def docker_postgres(version: int) -> Iterator[str]:
    """Run one server of that major version in a container; gives its address."""
    require_docker()
    from testcontainers.community.postgres import PostgresContainer

    with PostgresContainer(f"postgres:{version}", driver=None) as container:
        yield container.get_connection_url()


def _kafka_environment(port: int) -> dict[str, str]:
    # Naming any setting replaces the image's whole default file, so everything that a broker needs stands here.
    return {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    }
