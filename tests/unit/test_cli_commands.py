"""The command line before it reaches for any service: usage, help, exit codes."""

import logging
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from consumer.cli import main
from consumer.commands.errors import OPERATOR_ERRORS, NoAnswerError, RefusedError, UnusableInputError, exit_code
from consumer.settings import SettingsError
from domain.errors import EngagementError, MisconfiguredError, OwnershipLostError, TransientError

COMMANDS = (
    "run",
    "init",
    "tick",
    "ticker",
    "produce",
    "replay",
    "demo",
    "notify",
    "stats",
    "cycles",
    "user",
    "check",
    "health",
)
# Nobody listens on port 1, and nothing here gets as far as trying.
SETTINGS = {
    "ENGAGEMENT_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "ENGAGEMENT_POSTGRES_DSN": "postgresql://engage:s3cret@127.0.0.1:1/db",
}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: object
    stdout: str
    stderr: str


Engage = Callable[..., Ended]


@pytest.fixture
def engage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Engage]:
    """Run a command line where there is no .env file, with these settings only."""
    root, handlers, level = logging.getLogger(), list(logging.getLogger().handlers), logging.getLogger().level

    def run(*arguments: str, settings: Mapping[str, str] = SETTINGS) -> Ended:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setattr(sys, "argv", ["engage", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return Ended(ended.value.code, *capsys.readouterr())

    yield run
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    root.handlers, root.level = handlers, level


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError("x"), 2),
        (UnusableInputError("x"), 2),
        (MisconfiguredError("x"), 3),
        (TransientError("x"), 3),
        (NoAnswerError("x"), 3),
        (RefusedError("x"), 4),
    ],
)
def test_every_operator_error_has_its_exit_code(error: EngagementError, code: int) -> None:
    assert isinstance(error, OPERATOR_ERRORS)
    assert exit_code(error) == code


def test_a_defect_is_no_operator_error() -> None:
    assert not isinstance(OwnershipLostError("x"), OPERATOR_ERRORS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_shows_an_example(engage: Engage, command: str) -> None:
    done = engage(command, "--help")
    assert done.code == 0
    assert f"Example: engage {command}" in done.stdout


@pytest.mark.parametrize("command", ["shard list", "shard accept", "dlq list", "dlq replay"])
def test_the_help_of_the_commands_in_groups_shows_an_example(engage: Engage, command: str) -> None:
    done = engage(*command.split(), "--help")
    assert done.code == 0
    assert f"Example: engage {command}" in done.stdout


def test_the_help_lists_all_commands(engage: Engage) -> None:
    done = engage("--help")
    assert done.code == 0
    assert [command for command in COMMANDS if f" {command} " in done.stdout] == list(COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["start"], "start"),
        (["tick", "--at", "yesterday"], "--at"),
        (["tick", "--id", ""], "--id"),
        (["tick", "--id", "not UTF-8: \udcff"], "--id"),
        (["tick", "--at", f"2026-11-22T10:00:00.{'0' * 128}Z"], "--id"),
        (["ticker", "--every", "1w"], "--every"),
        (["ticker"], "--every"),
        (["produce"], "--user-id, --crowd, --file"),
        (["produce", "--user-id", "1", "--crowd", "2"], "--user-id, --crowd, --file"),
        (["produce", "--crowd", "2", "--name", "Gary"], "--name"),
        (["produce", "--file", "missing.jsonl"], "missing.jsonl"),
        (["replay", "missing.txt", "--tick-every", "1d"], "missing.txt"),
        (["demo", "--came-back", "16"], "--came-back"),
        (["notify", "--from", "somewhere"], "--from"),
        (["shard", "accept"], "N"),
        (["shard", "accept", "two"], "N"),
        (["shard", "accept", "-1"], "-1"),
        (["shard", "halt"], "halt"),
        (["user"], "ID"),
        (["user", ""], "ID"),
        (["cycles", "--limit", "0"], "--limit"),
    ],
)
def test_wrong_usage_ends_with_2_and_names_the_option(engage: Engage, arguments: Sequence[str], named: str) -> None:
    done = engage(*arguments)
    assert done.code == 2
    assert named in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("command", ["run", "init", "tick", "demo", "notify", "stats", "check"])
def test_a_setting_that_is_missing_ends_with_2_and_is_named(engage: Engage, command: str) -> None:
    done = engage(command, settings={"ENGAGEMENT_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"})
    assert done.code == 2
    assert "ENGAGEMENT_POSTGRES_DSN" in done.stderr


def test_a_mistyped_setting_is_named_with_the_nearest_one(engage: Engage) -> None:
    done = engage("stats", settings=SETTINGS | {"ENGAGEMENT_INACTIVITY_THRESHOLD_SECOND": "60"})
    assert done.code == 2
    assert "ENGAGEMENT_INACTIVITY_THRESHOLD_SECONDS is the nearest name" in done.stderr
    assert "s3cret" not in done.stderr


def test_an_event_that_the_engine_would_reject_is_not_produced(engage: Engage) -> None:
    done = engage("produce", "--user-id", "12", "--at", "2999-01-01T00:00:00Z")
    assert done.code == 2
    assert "occurred_at" in done.stderr


def test_the_demo_asks_for_the_thresholds_that_it_needs(engage: Engage) -> None:
    done = engage("demo")
    assert done.code == 2
    assert "ENGAGEMENT_INACTIVITY_THRESHOLD_SECONDS=60" in done.stderr


def test_a_file_that_holds_something_else_is_not_appended_to(engage: Engage, tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear all")
    done = engage("notify", "--file", str(letter))
    assert done.code == 2
    assert "letter.txt" in done.stderr
    assert letter.read_text() == "Dear all"


def test_the_sql_of_the_schema_is_printed_without_any_setting(engage: Engage) -> None:
    done = engage("init", "--print-sql", settings={})
    assert done.code == 0
    assert done.stdout.startswith("BEGIN;")
    assert "CREATE TABLE users" in done.stdout
    assert done.stdout.rstrip().endswith("COMMIT;")


_WAITING = """
import asyncio, os, signal, sys
from consumer.commands.event_loop import run_async, stop_on_signals

async def main():
    with stop_on_signals() as stop:
        print("ready", flush=True)
        await stop.wait()
        print("stopping", flush=True)
        if sys.argv[1] == "dawdle":
            await asyncio.Event().wait()

run_async(main())
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_to_stop(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", _WAITING, "hurry"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.readline() == "stopping\n"
        assert process.wait(30) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_process_at_once(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", _WAITING, "dawdle"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.readline() == "stopping\n"
        process.send_signal(number)
        assert process.wait(30) == -number
