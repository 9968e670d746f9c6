"""Log lines on stderr: JSON for machines, coloured columns on a terminal; the clients' own lines look the same."""

import logging
import os
import sys
from typing import TextIO

import structlog
from pydantic import SecretStr
from structlog.typing import EventDict, Processor, WrappedLogger

from consumer.controls import shown
from consumer.pseudonyms import hashed
from consumer.settings import Settings

# aiokafka repeats the same complaint several times a second while a broker is away.
REPEAT_SECONDS = 10.0
# aiokafka, and whoever sends to the HTTP port what isn't HTTP.
_REPEATERS = ("aiokafka", "uvicorn")
# Below a warning they tell of each connection and request, which only those want who look for a fault.
_CLIENTS = ("aiokafka", "asyncpg", "asyncio", "uvicorn")


def configure_logs(settings: Settings, stream: TextIO | None = None) -> None:
    """Send all log lines of the process to ``stream`` (stderr by default) as the settings say."""
    stream = stream or sys.stderr
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    on_terminal = stream.isatty()
    shared = _shared_processors()
    if settings.log_user_ids == "hashed":
        shared.append(_without_users(settings.log_hash_key))
    as_json = settings.log_format == "json" or (settings.log_format is None and not on_terminal)
    endings = _json() if as_json else _console(colors=on_terminal and "NO_COLOR" not in os.environ)
    structlog.configure(
        processors=[*shared, *endings],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *endings],
    )
    _configure_clients(stream, formatter, level)


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
    ]


def _without_users(key: SecretStr | None) -> Processor:
    """Puts a pseudonym in the place of each user. Here, so that no line can forget it: ``user`` is always an id."""
    pseudonym = hashed(b"" if key is None else key.get_secret_value().encode())

    def hide(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        if "user" in event:
            event["user"] = pseudonym(str(event["user"]))
        # The id of a message is a digest of the tick's time and the user's id, without a key.
        event.pop("message_id", None)
        return event

    return hide


# Both ways to show an error leave out local variables, among which there are secrets.


def _json() -> list[Processor]:
    without_locals = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [
        structlog.processors.ExceptionRenderer(without_locals),
        # Readers of JSON get every character back, and none of them reaches a terminal as it is.
        structlog.processors.JSONRenderer(ensure_ascii=True),
    ]


def _console(*, colors: bool) -> list[Processor]:
    return [_shown, structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)]


def _shown(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Control characters as escapes: what a client or a library quotes must not write on a terminal by itself."""
    return {name: shown(value) if isinstance(value, str) else value for name, value in event.items()}


def _configure_clients(stream: TextIO, formatter: logging.Formatter, level: int) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    handler.addFilter(RepeatFilter())
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.captureWarnings(capture=True)
    of_clients = level if level <= logging.DEBUG else max(level, logging.WARNING)
    for name in _CLIENTS:
        logging.getLogger(name).setLevel(of_clients)
    # Its debug lines hold whole requests and answers, records included: nobody's input belongs into a log.
    logging.getLogger("aiokafka.conn").setLevel(max(of_clients, logging.INFO))


class RepeatFilter(logging.Filter):
    """Lets what a client has just complained about wait: each of their log statements is heard once in ten seconds."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, int], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        if not record.name.startswith(_REPEATERS):
            return True
        statement = (record.pathname, record.lineno)
        if record.created - self._last.get(statement, -REPEAT_SECONDS) < REPEAT_SECONDS:
            return False
        self._last[statement] = record.created
        return True
