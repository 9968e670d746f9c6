"""Services and databases for the tests, and the rule that every test runs.

Everything is made on first use: unit tests start nothing.
"""

import re
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.local.folders import LOCAL_FOLDER
from deploy.local.stack import Stack, running_stack
from tests.harness.temporary import Services
from tests.sql import database_dsn, execute

_NOT_RUN = ("skipped", "xfailed", "xpassed")
_TESTS = Path(__file__).parent


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Kafka and Postgres for the whole run. Tests that need them fail when they can't be had."""
    with running_stack(LOCAL_FOLDER) as stack:
        yield stack


@pytest.fixture(scope="session")
def kafka(stack: Stack) -> str:
    """Bootstrap servers of the broker."""
    return stack.kafka_bootstrap_servers


@pytest.fixture(scope="session")
def postgres_admin_dsn(stack: Stack) -> str:
    """DSN of a role that may create databases."""
    return stack.postgres_dsn


@pytest.fixture(scope="module")
def services(
    kafka: str, postgres_admin_dsn: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Services:
    """The shared services with a folder of this module's own, for deployments beyond one a test."""
    name = request.path.stem.removeprefix("test_").replace("_", "-")
    return Services(kafka, postgres_admin_dsn, tmp_path_factory.mktemp(name))


@pytest.fixture
def unique(request: pytest.FixtureRequest) -> str:
    """Prefix for this test's topics, groups and databases: lower case, short, of a recognisable test."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower().removeprefix("test_")).strip("-")
    return f"{words[:24].rstrip('-')}-{uuid.uuid4().hex[:8]}"


@pytest.fixture
async def database(postgres_admin_dsn: str, unique: str) -> AsyncIterator[str]:
    """DSN of a fresh empty database of this test's own; dropped afterwards, whoever is still connected."""
    name = f"test_{unique.replace('-', '_')}"
    await execute(postgres_admin_dsn, f'CREATE DATABASE "{name}"')
    yield database_dsn(postgres_admin_dsn, name)
    await execute(postgres_admin_dsn, f'DROP DATABASE "{name}" WITH (FORCE)')


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--complete", action="store_true", help="fail if any test was deselected (make test)")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn a run in which tests did not count into a failed one."""
    if hasattr(session.config, "workerinput"):
        return  # one of several processes: the one that collects their reports does this
    if session.exitstatus == pytest.ExitCode.OK and _not_run(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the number of tests per folder, and which did not count."""
    terminalreporter.section("tests per folder")
    for folder, outcomes in sorted(_outcomes_by_folder(terminalreporter).items()):
        terminalreporter.write_line(f"{folder:<14}" + ", ".join(f"{n} {name}" for name, n in sorted(outcomes.items())))
    not_run = _not_run(config)
    if not_run:
        counts = ", ".join(f"{n} {name}" for name, n in sorted(not_run.items()))
        terminalreporter.write_line(f"FAILED: every test must run and count, but {counts}.", red=True)


def _reporter(config: pytest.Config) -> pytest.TerminalReporter:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    assert isinstance(reporter, pytest.TerminalReporter)
    return reporter


def _not_run(config: pytest.Config) -> Counter[str]:
    stats = _reporter(config).stats
    not_run = Counter({name: len(stats.get(name, ())) for name in _NOT_RUN})
    if config.getoption("--complete"):
        # Processes that run a part of the tests each don't report what they left out.
        chosen = sum(bool(config.getoption(name, None)) for name in ("keyword", "markexpr", "deselect", "lf"))
        not_run["deselected"] = max(len(stats.get("deselected", ())), chosen)
    return +not_run


def _outcomes_by_folder(reporter: pytest.TerminalReporter) -> dict[str, Counter[str]]:
    folders: dict[str, Counter[str]] = {}
    for outcome in ("passed", "failed", "error", *_NOT_RUN):
        for report in reporter.stats.get(outcome, ()):
            if isinstance(report, pytest.TestReport):
                path = (reporter.config.rootpath / report.fspath).relative_to(_TESTS)
                folder = path.parts[0] if len(path.parts) > 1 else "tests"
                folders.setdefault(folder, Counter())[outcome] += 1
    return folders
