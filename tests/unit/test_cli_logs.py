"""What log lines look like."""

import json
import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import structlog

from consumer.logs import RepeatFilter, configure_logs
from consumer.settings import Settings


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """The logging of the test run as it was."""
    root, handlers, level = logging.getLogger(), list(logging.getLogger().handlers), logging.getLogger().level
    yield
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    root.handlers, root.level = handlers, level


def settings(**values: Any) -> Settings:
    return Settings(
        _env_file=None, kafka_bootstrap_servers="localhost:9092", postgres_dsn="postgresql://localhost", **values
    )


def lines(stream: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_off_a_terminal_a_line_is_json_with_time_and_level() -> None:
    stream = StringIO()
    configure_logs(settings(), stream)
    structlog.get_logger().info("batch_committed", shard=3, name="Ünal")
    [line] = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "batch_committed", "level": "info", "shard": 3, "name": "Ünal"}


def test_the_clients_lines_look_the_same() -> None:
    stream = StringIO()
    configure_logs(settings(), stream)
    logging.getLogger("aiokafka.conn").warning("node %s is away", 1)
    [line] = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "node 1 is away", "level": "warning", "logger": "aiokafka.conn"}


def test_on_a_terminal_lines_are_coloured_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    configure_logs(settings(), stream)
    structlog.get_logger().info("batch_committed", shard=3)
    assert "\x1b[" in stream.getvalue()
    assert "batch_committed" in stream.getvalue()


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    configure_logs(settings(), stream)
    structlog.get_logger().info("batch_committed", shard=3)
    assert "\x1b[" not in stream.getvalue()
    assert "shard=3" in stream.getvalue()


def test_the_format_can_be_chosen() -> None:
    terminal, file = Terminal(), StringIO()
    configure_logs(settings(log_format="json"), terminal)
    structlog.get_logger().info("batch_committed")
    configure_logs(settings(log_format="console"), file)
    structlog.get_logger().info("batch_committed", shard=3)
    assert lines(terminal)[0]["event"] == "batch_committed"
    assert "shard=3" in file.getvalue()
    assert "\x1b[" not in file.getvalue()


def test_lines_below_the_level_are_not_written() -> None:
    stream = StringIO()
    configure_logs(settings(log_level="warning"), stream)
    structlog.get_logger().info("batch_committed")
    logging.getLogger("somebody").info("hello")
    structlog.get_logger().warning("shard_lost")
    assert [line["event"] for line in lines(stream)] == ["shard_lost"]


@pytest.mark.parametrize(("level", "written"), [("info", []), ("debug", ["connected"])])
def test_what_the_clients_do_well_is_only_told_to_those_who_debug(level: str, written: list[str]) -> None:
    stream = StringIO()
    configure_logs(settings(log_level=level), stream)
    logging.getLogger("aiokafka.conn").info("connected")
    assert [line["event"] for line in lines(stream)] == written


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_an_error_is_shown_without_the_values_of_its_variables(log_format: str) -> None:
    stream = StringIO()
    configure_logs(settings(log_format=log_format), stream)
    password = "correct horse"
    try:
        _ = [0][len(password)]
    except IndexError:
        structlog.get_logger().exception("broken")
        logging.getLogger("somebody").exception("broken, too")
    assert stream.getvalue().count("list index out of range") >= 2
    assert password not in stream.getvalue()


def complaint(at: float, line: int = 10, logger: str = "aiokafka.conn") -> logging.LogRecord:
    record = logging.LogRecord(logger, logging.ERROR, "conn.py", line, "node %s is away", (at,), None)
    record.created = at
    return record


def test_a_repeated_complaint_of_aiokafka_is_heard_every_ten_seconds() -> None:
    repeats = RepeatFilter()
    heard = [at for at in range(1_000, 1_025) if repeats.filter(complaint(at))]
    assert heard == [1_000, 1_010, 1_020]


def test_other_complaints_are_heard_meanwhile() -> None:
    repeats = RepeatFilter()
    assert repeats.filter(complaint(1_000))
    assert repeats.filter(complaint(1_001, line=11))
    assert repeats.filter(complaint(1_002, logger="asyncio"))
    assert repeats.filter(complaint(1_003, logger="asyncio"))


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_what_a_client_quotes_can_not_forge_a_line(log_format: str) -> None:
    stream = StringIO()
    configure_logs(settings(log_format=log_format), stream)
    structlog.get_logger().warning("refused\nforged", reason="a\x1b[2J\u202eb\nINFO forged")
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert not set("\x1b\u202e") & set(text)
