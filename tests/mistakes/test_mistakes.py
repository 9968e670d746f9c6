"""Every mistake and fault of the table: the exit code, and one line with the setting, its origin and the remedy."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest

from deploy.local.postgres import PostgresServer
from tests.harness.temporary import side_by_side
from tests.mistakes.forked import Ended
from tests.mistakes.scene import opened_scene
from tests.mistakes.table import MISTAKES, Mistake
from tests.mistakes.words import leaks
from tests.sql import execute

Tasks = dict[str, "asyncio.Task[tuple[dict[str, Ended], dict[str, str]]]"]
# They mostly wait.
AT_ONCE = 6


@pytest.fixture(scope="module")
def scram_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """DSN of a Postgres of this module's own, for its superuser."""
    server = PostgresServer(tmp_path_factory.mktemp("scram"))
    server.start()
    yield server.dsn
    server.stop()


@pytest.fixture(scope="module")
async def scram_dsn(scram_server: str) -> str:
    """DSN of a Postgres that asks everyone but its superuser for a password."""
    await execute(scram_server, "CREATE ROLE engine LOGIN PASSWORD 'another'")
    await execute(
        scram_server,
        """
        DO $$ BEGIN EXECUTE format(
            'COPY (VALUES (%L), (%L)) TO %L',
            'host all postgres 127.0.0.1/32 trust', 'host all all 127.0.0.1/32 scram-sha-256',
            current_setting('hba_file')
        ); END $$
        """,
    )
    await execute(scram_server, "SELECT pg_reload_conf()")
    return scram_server


@pytest.fixture(scope="module")
async def outcomes(
    kafka: str, postgres_admin_dsn: str, scram_dsn: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Tasks]:
    """What comes of each row: both commands, several rows at a time."""
    folder: Path = tmp_path_factory.mktemp("mistakes")
    unique = f"mistakes-{folder.parent.name[-8:]}-{id(folder):x}".lower()
    async with opened_scene(kafka, postgres_admin_dsn, scram_dsn, folder, unique) as scene:
        jobs = {mistake.name: partial(scene.play, mistake, number) for number, mistake in enumerate(MISTAKES)}
        async with side_by_side(jobs, AT_ONCE) as tasks:
            yield tasks


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
async def test_one_line_tells_what_is_wrong_where_it_was_set_and_what_to_do(
    mistake: Mistake, command: str, outcomes: Tasks
) -> None:
    outcome, words = await outcomes[mistake.name]
    ended = outcome[command]
    everything = f"{ended.stdout}\n{ended.stderr}"
    assert ended.code == getattr(mistake, command), everything
    found = _lines(ended, command, mistake.setting)
    assert len(found) == 1, everything
    line = found[0].casefold()
    name = f"ENGAGEMENT_{mistake.setting}" if mistake.setting else ""
    origin = mistake.origin.format_map(words)
    joint = " " if name and origin.startswith("(") else ""
    assert f"{name}{joint}{origin}".casefold() in line
    assert mistake.remedy.casefold() in line
    assert "Traceback" not in everything
    assert '"exception"' not in everything, "a stack trace as a field of a log line"
    assert leaks(everything) == []


def _lines(ended: Ended, command: str, setting: str) -> list[str]:
    """The lines that tell of it: what ends the command, a finding, or a warning of one that works all the same."""
    if command == "check" and ended.code == 3:
        problems = [line for line in ended.stdout.splitlines() if line.startswith("problem")]
        assert [line.startswith("engage: 1 of ") for line in ended.stderr.splitlines() if line[0] != "{"] == [True]
        return problems
    if command == "check" and ended.code == 0:
        return [line for line in ended.stdout.splitlines() if line.startswith("notice") and setting in line]
    assert ended.stdout == ""
    if ended.code == 0:
        return [line for line in ended.stderr.splitlines() if '"level": "warning"' in line and setting in line]
    plain = [line for line in ended.stderr.splitlines() if not line.startswith("{")]
    assert all(line.startswith("engage: ") for line in plain)
    return plain


def test_the_table_has_each_kind_of_mistake_once() -> None:
    names = [mistake.name for mistake in MISTAKES]
    assert len(set(names)) == len(names) >= 15
    assert {(mistake.run, mistake.check) for mistake in MISTAKES} == {(2, 2), (3, 3), (0, 3), (0, 0), (3, 0)}
