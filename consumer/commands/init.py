"""`engage init`: the topics and the schema."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from adapters.kafka.log import KafkaActivityLog
from adapters.kafka.topics import create_topics
from adapters.postgres.connection import connect, disconnect
from adapters.postgres.migrations import migrate, migration_script
from adapters.postgres.store import PostgresStore
from consumer.commands.event_loop import run_async
from consumer.commands.options import AsJson
from consumer.commands.output import print_json, print_line, print_text
from consumer.commands.start import once_reachable, prepare
from consumer.settings import Settings
from consumer.wiring import kafka_connection, postgres_dsn, topic_names

PrintSql = Annotated[bool, typer.Option("--print-sql", help="Only print the SQL of the whole schema; change nothing.")]


def init(*, print_sql: PrintSql = False, as_json: AsJson = False) -> None:
    """Create the topics that are missing, and bring the schema to head.

    Safe to repeat: what exists is left as it is. When the activity topic has more partitions than before, the progress
    topic is extended, and the workers take the new shards.
    """
    if print_sql:
        print_text(migration_script())
        return
    done = run_async(_init(prepare()))
    if as_json:
        print_json(done)
        return
    for name in done["migrations"]:
        print_line(f"schema: applied {name}")
    for change in done["topics"]:
        verb = "extended to" if change["extended"] else "created with"
        print_line(f"topic {change['topic']}: {verb} {change['partitions']} partitions")
    print_line(f"ready: {done['shards']} shards")


async def _init(settings: Settings) -> dict[str, Any]:
    connection, names = kafka_connection(settings), topic_names(settings)
    migrations = await once_reachable(settings, lambda: migrate(postgres_dsn(settings)))
    changes = await once_reachable(
        settings,
        lambda: create_topics(connection, names, settings.topic_partitions, settings.replication_factor),
    )
    shards = await once_reachable(settings, lambda: _grow(settings))
    return {"migrations": migrations, "topics": [asdict(change) for change in changes], "shards": shards}


async def _grow(settings: Settings) -> int:
    """Let the state have as many shards as the topics allow."""
    names = topic_names(settings)
    activity = KafkaActivityLog(kafka_connection(settings), names.activity, names.progress)
    await activity.start()
    try:
        shards = await activity.shards()
    finally:
        await activity.stop()
    pool = await connect(postgres_dsn(settings), max_size=1)
    try:
        await PostgresStore(pool).grow(shards)
    finally:
        await disconnect(pool)
    return shards
