"""The local platform itself: real services, ended with whoever started them, and a reader that is not ours."""

import asyncio
import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local.errors import UnavailableError
from deploy.local.folders import run_folder
from deploy.local.kafka import KafkaBroker
from deploy.local.postgres import PostgresServer
from deploy.local.stack import KAFKA_VARIABLE, POSTGRES_VARIABLE, running_kafka, running_postgres
from tests.foreign import ForeignRecord, produce, read_topic

PLATFORM = [sys.executable, "-m", "deploy.local"]
ALL_BYTES = bytes(range(256))


async def create_topic(kafka: str, name: str, partitions: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, partitions, 1)])
    finally:
        await admin.close()


@asynccontextmanager
async def producer(kafka: str, transactional_id: str | None = None) -> AsyncIterator[AIOKafkaProducer]:
    ours = AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=transactional_id)
    await ours.start()
    try:
        yield ours
    finally:
        await ours.stop()


async def fetch_value(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def contents(records: list[ForeignRecord]) -> list[tuple[object, ...]]:
    return [(record.key, record.value, record.headers) for record in records]


def test_the_broker_is_kafka_4(kafka: str) -> None:
    # Kafka 4.0 dropped the oldest requests (KIP-896): a 3.x broker still offers Fetch from version 0 on.
    said = subprocess.run(
        ["kcat", "-b", kafka, "-L", "-X", "debug=feature"], capture_output=True, text=True, timeout=60, check=True
    ).stderr
    fetch = re.search(r"ApiKey Fetch \(1\) Versions (\d+)\.\.", said)
    assert fetch is not None, said
    assert int(fetch[1]) == 4


async def test_what_kcat_produces_kcat_reads(kafka: str, unique: str) -> None:
    await create_topic(kafka, unique, 2)
    produce(kafka, unique, b"in one", key="a", partition=1, headers=[("h", "1")])
    produce(kafka, unique, b"two\nlines", partition=0)

    first, second = read_topic(kafka, unique)

    assert (first.topic, first.partition, first.offset, first.value) == (unique, 0, 0, b"two\nlines")
    assert (second.partition, second.key, second.value, second.headers) == (1, b"a", b"in one", (("h", b"1"),))
    assert read_topic(kafka, unique, partition=1) == [second]


async def test_the_foreign_reader_returns_every_byte_and_tells_null_from_empty(kafka: str, unique: str) -> None:
    await create_topic(kafka, unique, 1)
    sent: list[tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]] = [
        (b"k", None, []),
        (None, b"v", [("null", None), ("empty", b"")]),
        (b"", b"", [("same", b"1"), ("same", b"2"), ("größe", b"a=b,c")]),
        (ALL_BYTES, ALL_BYTES * 3, [("bytes", ALL_BYTES)]),
        (b'"\\/', "\u2028 é 😉 \r\n".encode(), []),
    ]
    async with producer(kafka) as ours:
        for key, value, headers in sent:
            await ours.send_and_wait(unique, value, key=key, headers=headers, timestamp_ms=1_790_000_000_123)

    records = read_topic(kafka, unique)

    assert contents(records) == [(key, value, tuple(headers)) for key, value, headers in sent]
    assert {(record.timestamp_ms, record.timestamp_type) for record in records} == {(1_790_000_000_123, "create")}
    assert [record.offset for record in records] == [0, 1, 2, 3, 4]


async def test_read_committed_does_not_see_an_open_transaction(kafka: str, unique: str) -> None:
    await create_topic(kafka, unique, 1)
    async with producer(kafka, transactional_id=unique) as ours, ours.transaction():
        await ours.send_and_wait(unique, b"soon")

        uncommitted = await asyncio.to_thread(read_topic, kafka, unique, isolation="read_uncommitted")
        committed = await asyncio.to_thread(read_topic, kafka, unique, isolation="read_committed")

        assert [record.value for record in uncommitted] == [b"soon"]
        assert committed == []
    assert [record.value for record in read_topic(kafka, unique)] == [b"soon"]


async def test_a_killed_broker_comes_back_with_its_records(tmp_path: Path) -> None:
    broker = KafkaBroker(tmp_path / "kafka")
    try:
        broker.start()
        await create_topic(broker.bootstrap_servers, "kept", 1)
        produce(broker.bootstrap_servers, "kept", b"still here")
        broker.kill()
        broker.start()
        assert [record.value for record in read_topic(broker.bootstrap_servers, "kept")] == [b"still here"]
    finally:
        broker.stop()


@pytest.mark.parametrize("version", [15, 16, 18])
async def test_postgres_starts_in_each_supported_version(version: int, tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "postgres", version)
    try:
        server.start()
        assert str(await fetch_value(server.dsn, "SHOW server_version")).split(".")[0] == str(version)
        assert await fetch_value(server.dsn, "SHOW fsync") == "on"
    finally:
        server.stop()


async def test_a_killed_postgres_comes_back_with_what_was_committed(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "postgres")
    try:
        server.start()
        await fetch_value(server.dsn, "CREATE TABLE kept AS SELECT 7 AS n")
        server.kill()
        server.start()
        assert await fetch_value(server.dsn, "SELECT n FROM kept") == 7
    finally:
        server.stop()


async def test_each_test_has_an_empty_database_of_its_own(database: str, postgres_admin_dsn: str) -> None:
    name = await fetch_value(database, "SELECT current_database()")
    assert name != await fetch_value(postgres_admin_dsn, "SELECT current_database()")
    assert await fetch_value(database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0


def test_services_end_when_their_parent_is_killed() -> None:
    parent = subprocess.Popen(PLATFORM, env=embedded_environment(), stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        settings = dict(line.removeprefix("export ").split("=", 1) for line in (next(parent.stdout) for _ in "ab"))
        addresses = [re.search(r"127\.0\.0\.1:(\d+)", address) for address in settings.values()]
        ports = [int(address[1]) for address in addresses if address is not None]
        services = descendants(parent.pid)
        assert len(services) > 2, "the broker, the postmaster, and backends of it"
        assert [listens(port) for port in ports] == [True, True]
        watched = [os.pidfd_open(pid) for pid in services]
    finally:
        parent.kill()
        parent.communicate()

    wait_for_ends(watched, seconds=30)
    assert [listens(port) for port in ports] == [False, False]


def test_a_command_runs_with_the_settings_and_its_exit_code_is_passed_on() -> None:
    script = 'test -n "$ENGAGEMENT_POSTGRES_DSN" && test -n "$ENGAGEMENT_KAFKA_BOOTSTRAP_SERVERS" && exit 7'
    done = subprocess.run([*PLATFORM, "--", "sh", "-c", script], timeout=120, check=False)
    assert done.returncode == 7


def test_a_stop_request_ends_the_platform_with_exit_code_0() -> None:
    with subprocess.Popen(PLATFORM, env=embedded_environment(), stdout=subprocess.PIPE, text=True) as platform:
        assert platform.stdout is not None
        for _ in "ab":
            next(platform.stdout)
        platform.send_signal(signal.SIGTERM)
        assert platform.wait(60) == 0


@pytest.mark.usefixtures("bare_machine")
def test_without_any_way_to_kafka_the_error_names_all_three(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as caught, running_kafka(tmp_path):
        pass
    for way in (f"{KAFKA_VARIABLE}=", "no `java` found", "no Docker engine answers"):
        assert way in str(caught.value)


@pytest.mark.usefixtures("bare_machine")
def test_without_any_way_to_postgres_the_error_names_all_three(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as caught, running_postgres(tmp_path, version=99):
        pass
    for way in (f"{POSTGRES_VARIABLE}=", "no PostgreSQL 99 found", "no Docker engine answers"):
        assert way in str(caught.value)


def test_a_service_named_in_the_environment_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KAFKA_VARIABLE, "kafka.example:9092")
    with running_kafka(tmp_path) as bootstrap_servers:
        assert bootstrap_servers == "kafka.example:9092"


def test_the_folder_of_a_dead_run_is_removed_and_that_of_a_live_one_stays(tmp_path: Path) -> None:
    dead = tmp_path / "runs" / "run-dead"
    dead.mkdir(parents=True)
    (dead / "alive.lock").touch()
    with run_folder(tmp_path) as first:
        with run_folder(tmp_path) as second:
            assert (first.exists(), second.exists(), dead.exists()) == (True, True, False)
        assert (first.exists(), second.exists()) == (True, False)


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing named, no program to be found, no Docker engine."""
    for name in (KAFKA_VARIABLE, POSTGRES_VARIABLE, "JAVA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")


def embedded_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in {KAFKA_VARIABLE, POSTGRES_VARIABLE}}


def descendants(pid: int) -> list[int]:
    return [below for child in children(pid) for below in (child, *descendants(child))]


def children(pid: int) -> Iterator[int]:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name in brackets may hold anything; after it come the state and the parent.
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended meanwhile
        if parent == pid:
            yield int(stat.parent.name)


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def wait_for_ends(pidfds: list[int], seconds: float) -> None:
    """Wait until every process has ended (a zombie that nobody reaps has); fail after `seconds` for one of them."""
    for pidfd in pidfds:
        ended, _, _ = select.select([pidfd], [], [], seconds)
        os.close(pidfd)
        assert ended, "a process outlived its parent"
