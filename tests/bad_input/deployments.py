"""Deployments of these tests: on a Postgres that logs every statement, with topics of chosen settings."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiokafka.admin import NewTopic

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.topics import opened_admin
from tests.bad_input.kinds import MAX_RECORD_BYTES
from tests.bad_input.playing import PARTITIONS
from tests.harness.deployment import Deployment
from tests.harness.restartable import restartable_postgres
from tests.sql import database_dsn, execute

# Statements and their durations, but not what is bound to them: that is the data which Postgres is there to store.
_LOGGING = {
    "log_statement": "all",
    "log_min_duration_statement": "0",
    "log_min_messages": "debug1",
    "log_min_error_statement": "debug1",
    "log_error_verbosity": "verbose",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "-1",
}
PRODUCERS_TIME = {
    "message.timestamp.type": "CreateTime",
    "message.timestamp.after.max.ms": str(2**63 - 1),
    "retention.ms": "-1",
}
"""A topic's settings under which a record may have any Kafka timestamp, and stays."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Kafka, a Postgres of these tests' own, its log, and a folder for everything else."""

    kafka: str
    postgres_dsn: str
    postgres_log: Path
    folder: Path


@asynccontextmanager
async def surroundings(kafka: str, folder: Path) -> AsyncIterator[Surroundings]:
    """The Postgres runs meanwhile."""
    async with restartable_postgres(folder) as (dsn, _):
        for name, setting in _LOGGING.items():
            await execute(dsn, f"ALTER SYSTEM SET {name} = '{setting}'")
        await execute(dsn, "SELECT pg_reload_conf()")
        yield Surroundings(kafka, dsn, folder / "postgres" / "postgres.log", folder)


@asynccontextmanager
async def deployment(
    around: Surroundings, name: str, topics: Mapping[str, Mapping[str, str]], **variables: str
) -> AsyncIterator[Deployment]:
    """An initialised deployment. ``topics``: settings of those, by role, that are there before `engage init` runs."""
    unique = f"{name}-{secrets.token_hex(4)}"
    database = unique.replace("-", "_")
    folder = around.folder / unique
    folder.mkdir()
    await execute(around.postgres_dsn, f'CREATE DATABASE "{database}"')
    settings = {
        "INACTIVITY_THRESHOLD_SECONDS": "3600",
        "MAX_RECORD_BYTES": str(MAX_RECORD_BYTES),
        "LOG_LEVEL": "debug",
        **variables,
    }
    made = Deployment(unique, around.kafka, database_dsn(around.postgres_dsn, database), folder, PARTITIONS, settings)
    async with opened_admin(KafkaConnection(around.kafka)) as admin:
        for role, configs in topics.items():
            partitions = 1 if role == "ticks" else PARTITIONS
            new = NewTopic(made.topic(role), partitions, 1, topic_configs=dict(configs))
            response = await admin.create_topics([new])
            assert [code for _, code, _ in response.topic_errors] == [0]
    await asyncio.to_thread(made.init)
    try:
        yield made
    finally:
        await asyncio.to_thread(made.stop)
