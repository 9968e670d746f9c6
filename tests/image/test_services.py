"""Our services of deploy/compose.yaml, by command and environment, on a Kafka and a Postgres set up as there.

Only addresses are replaced, and the ticker's interval, which is for the operator to choose.
"""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from deploy.local.ports import free_port
from deploy.local.postgres import PostgresServer
from tests.image import compose
from tests.image.broker import running_broker

ENGAGE = Path(sys.executable).with_name("engage")
VALUES = compose.example() | {"TICK_EVERY": "1s"}
SERVICES = compose.services(VALUES)
COMMAND_SECONDS = 90.0
STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Running:
    """A service and what it has written so far."""

    process: subprocess.Popen[bytes]
    log: Path
    output: Path

    def wait_for(self, text: str) -> None:
        """Return when it has written the text; AssertionError when it ends before."""
        deadline = time.monotonic() + COMMAND_SECONDS
        while text not in (written := self.log.read_text() + self.output.read_text()):
            assert self.process.poll() is None, written
            assert time.monotonic() < deadline, f"{text} is not in {written}"
            time.sleep(0.05)


@dataclass(frozen=True, slots=True)
class Project:
    """The project on this machine: what runs in place of each container."""

    folder: Path
    addresses: dict[str, str]
    """Of each address that the containers know, the one here."""
    ports: dict[str, int]
    """Where each service listens here, if it does."""

    def environment(self, name: str) -> dict[str, str]:
        """The environment of the service's container, with the addresses that hold here."""
        environment: dict[str, str] = dict(SERVICES[name]["environment"])
        for variable in ("ENGAGEMENT_KAFKA_BOOTSTRAP_SERVERS", "ENGAGEMENT_POSTGRES_DSN"):
            for address, moved in self.addresses.items():
                environment[variable] = environment[variable].replace(address, moved)
        if "ENGAGEMENT_HTTP_PORT" in environment:
            environment["ENGAGEMENT_HTTP_PORT"] = str(self.ports[name])
        return {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **environment}  # as the image has it

    def engage(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the service's place, as `docker compose exec` does."""
        return subprocess.run(
            [ENGAGE, *arguments],
            cwd=self.folder,
            env=self.environment(name),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    @contextmanager
    def up(self, name: str) -> Iterator[Running]:
        """Run the service; at the end it must stop in order."""
        log, output = self.folder / f"{name}.log", self.folder / f"{name}.out"
        with log.open("wb") as stderr, output.open("wb") as stdout:
            process = subprocess.Popen(
                [ENGAGE, *SERVICES[name]["command"]],
                cwd=self.folder,
                env=self.environment(name),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )
        try:
            yield Running(process, log, output)
            process.send_signal(signal.SIGTERM)
            assert process.wait(STOP_SECONDS) == 0, log.read_text()
        finally:
            process.kill()
            process.wait()


@pytest.fixture
async def project(tmp_path: Path) -> AsyncIterator[Project]:
    """Kafka as compose.yaml sets it up, and Postgres with the role and database that its image makes."""
    kafka, postgres = SERVICES["kafka"]["environment"], SERVICES["postgres"]
    major = int(postgres["image"].removeprefix("postgres:").split(".")[0])
    server = PostgresServer(tmp_path / "postgres", major)
    with ExitStack() as stack:
        stack.callback(server.kill)
        server.start()
        role, database = postgres["environment"]["POSTGRES_USER"], postgres["environment"]["POSTGRES_DB"]
        connection = await asyncpg.connect(server.dsn)
        await connection.execute(f'CREATE ROLE "{role}" SUPERUSER LOGIN')
        await connection.execute(f'CREATE DATABASE "{database}" OWNER "{role}"')
        await connection.close()
        addresses = stack.enter_context(running_broker(kafka, tmp_path))
        addresses["postgres:5432"] = server.dsn.partition("@")[2].partition("/")[0]
        yield Project(tmp_path, addresses, {name: free_port() for name in SERVICES})


def test_a_message_comes_out_of_the_notification_service(project: Project) -> None:
    initialised = project.engage("init", *SERVICES["init"]["command"])
    assert initialised.returncode == 0, initialised.stderr
    with project.up("engine-1") as engine, project.up("engine-2"), project.up("notify") as notify:
        engine.wait_for("shard_taken_over")
        before = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
        produced = project.engage("engine-1", "produce", "--user-id", "12", "--name", "Ghost Gary", "--at", before)
        assert produced.returncode == 0, produced.stderr
        with project.up("ticker"):
            notify.wait_for("Ghost Gary")
        for name in ("engine-1", "engine-2"):
            health = project.engage(name, "health")
            assert health.returncode == 0, health.stderr
    lines = Counter(notify.output.read_text().splitlines())
    assert lines == Counter(["12  Welcome, Ghost Gary! We're so glad you're here! 🌟  (new_user)"])
