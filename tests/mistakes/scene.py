"""The surroundings of the rows: services that are right, wrong or something else, and the commands run among them."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.harness.deployment import Deployment
from tests.mistakes.forked import Ended, engage
from tests.mistakes.table import Mistake, Topic
from tests.mistakes.words import CANARY, ENCODED
from tests.sql import database_dsn, execute

COMMANDS = ("run", "check")


@dataclass(frozen=True, slots=True)
class Scene:
    """What the rows share: an initialised deployment, and addresses of services that aren't what they should be.

    ``template`` is the database that states of a row's own are copied from.
    """

    deployment: Deployment
    admin_dsn: str
    template: str
    words: dict[str, str]

    async def play(self, mistake: Mistake, number: int) -> tuple[dict[str, Ended], dict[str, str]]:
        """How each command ends, and what the braces in the row stand for."""
        folder = self.deployment.folder / f"row-{number}"
        words = self.words | _files(mistake, folder)
        settings = dict(mistake.settings)
        if mistake.sql:
            role = f"{self.template}_role_{number}"
            words |= {"role": role, **await self._own_state(f"{self.template}_{number}", role, mistake.sql)}
            settings.setdefault("POSTGRES_DSN", "{dsn}")
        if mistake.topic is not None:
            settings[mistake.topic.setting] = topic = f"{self.deployment.name}-{number}"
            await self._make(topic, mistake.topic)
        variables = self.deployment.environment | {"ENGAGEMENT_CONSUMER_GROUP": f"{self.deployment.name}-{number}"}
        for name, value in settings.items():
            variables.pop(f"ENGAGEMENT_{name}", None)
            if value is not None:
                variables[f"ENGAGEMENT_{name}"] = value.format_map(words)
        secrets = Path(words["secrets"])
        ended = await asyncio.gather(*(engage(command, folder, secrets, variables) for command in COMMANDS))
        return dict(zip(COMMANDS, ended, strict=True)), words

    async def _own_state(self, name: str, role: str, sql: str) -> dict[str, str]:
        await execute(self.admin_dsn, f'CREATE DATABASE "{name}" TEMPLATE "{self.template}"')
        dsn = database_dsn(self.admin_dsn, name)
        statements = [
            f"CREATE ROLE {role} LOGIN PASSWORD '{CANARY}'",
            f"GRANT USAGE ON SCHEMA engagement TO {role}",
            f"GRANT ALL ON ALL TABLES IN SCHEMA engagement TO {role}",
            sql.format(role=role),
        ]
        for statement in statements:
            await execute(dsn, statement)
        return {"dsn": dsn, "weak_role": as_role(dsn, role)}

    async def _make(self, name: str, topic: Topic) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.deployment.kafka)
        await admin.start()
        try:
            new = NewTopic(name, topic.partitions, 1, topic_configs=dict(topic.configs))
            response = await admin.create_topics([new])
            assert [code for _, code, _ in response.topic_errors] == [0]
        finally:
            await admin.close()


@asynccontextmanager
async def opened_scene(kafka: str, admin_dsn: str, scram_dsn: str, folder: Path, unique: str) -> AsyncIterator[Scene]:
    """A scene for a module; its databases and roles are removed afterwards."""
    template = f"test_{unique.replace('-', '_')}"
    good = f"{template}_good"
    await execute(admin_dsn, f'CREATE DATABASE "{template}"')
    await asyncio.to_thread(Deployment(unique, kafka, database_dsn(admin_dsn, template), folder).init)
    await execute(admin_dsn, f'CREATE DATABASE "{good}" TEMPLATE "{template}"')
    dsn = database_dsn(admin_dsn, good)
    variables = {"INACTIVITY_THRESHOLD_SECONDS": "60", "STARTUP_TIMEOUT_SECONDS": "0.5"}
    deployment = Deployment(unique, kafka, dsn, folder, variables=variables)
    silent = await asyncio.start_server(_say_nothing, "127.0.0.1", 0)
    web = await asyncio.start_server(_answer_as_web, "127.0.0.1", 0)
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        words = {
            "name": unique,
            "dsn": dsn,
            "nobody": "127.0.0.1:1",
            "silent": _address(silent),
            "web": _address(web),
            "taken_port": str(taken.getsockname()[1]),
            "wrong_password": as_role(scram_dsn, "engine"),
            "unknown_role": as_role(dsn, "nobody_of_this_name"),
            "missing_database": database_dsn(dsn, "not_made"),
        }
        async with silent, web:
            yield Scene(deployment, admin_dsn, template, words)
    await _clean_up(admin_dsn, template)


def as_role(dsn: str, role: str) -> str:
    """The same database for another role, with the password that must never be seen."""
    _, _, server = urlsplit(dsn).netloc.rpartition("@")
    return urlsplit(dsn)._replace(netloc=f"{role}:{ENCODED}@{server}").geturl()


async def _clean_up(admin_dsn: str, template: str) -> None:
    connection = await asyncpg.connect(admin_dsn)
    try:
        for (name,) in await connection.fetch(
            "SELECT datname FROM pg_database WHERE starts_with(datname, $1)", template
        ):
            await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        for (name,) in await connection.fetch("SELECT rolname FROM pg_roles WHERE starts_with(rolname, $1)", template):
            await connection.execute(f'DROP ROLE "{name}"')
    finally:
        await connection.close()


def _files(mistake: Mistake, folder: Path) -> dict[str, str]:
    """Write the files of the row; gives where they are."""
    secrets = folder / "secrets"
    secrets.mkdir(parents=True)
    if mistake.env_file is not None:
        (folder / ".env").write_bytes(mistake.env_file)
    for name, content in mistake.secrets.items():
        if content is None:
            (secrets / name).mkdir()
        else:
            (secrets / name).write_bytes(content)
    return {
        "env_file": str(folder / ".env"),
        "secrets": str(secrets),
        "secret": str(secrets / next(iter(mistake.secrets), "none")),
    }


def _address(server: asyncio.Server) -> str:
    host, port = server.sockets[0].getsockname()
    return f"{host}:{port}"


async def _say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await reader.read()
    finally:
        writer.close()


async def _answer_as_web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    finally:
        writer.close()
