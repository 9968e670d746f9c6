"""One line per record of the dead-letter topic: for people as a table, for programs as JSON."""

import base64
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from adapters.codec.rejected import DeadLetter
from consumer.commands.output import print_line
from consumer.controls import printable
from domain.records import InputRecord
from domain.times import format_time

HEADINGS = ("partition", "offset", "at", "reason", "detail", "from", "bytes", "key", "replayed")
NOT_OURS = "not of the engine"
"""What stands in place of the detail."""
_UNKNOWN = "-"
_KEY_SHOWN = 40
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LetterLine:
    """A record of the dead-letter topic; ``letter`` is None for one that somebody else has put there.

    ``replayed_ms``: when the letter was replayed, in milliseconds since 1970; None: it was not.
    """

    stored: InputRecord
    letter: DeadLetter | None
    replayed_ms: int | None

    @property
    def timestamp_ms(self) -> int:
        """The record's own timestamp, as it came in."""
        return self.stored.timestamp if self.letter is None else self.letter.original.timestamp

    @property
    def size(self) -> int | None:
        """How many bytes the value had when it came in; None where there was no value."""
        if self.letter is not None and self.letter.length is not None:
            return self.letter.length
        return None if self.stored.value is None else len(self.stored.value)

    def as_json(self) -> dict[str, Any]:
        """The line for programs."""
        letter = self.letter
        came = None if letter is None else letter.original
        return {
            "partition": self.stored.partition,
            "offset": self.stored.offset,
            "dead_letter": letter is not None,
            "timestamp_ms": self.timestamp_ms,
            "at": _time(self.timestamp_ms),
            "reason": None if letter is None else letter.reason,
            "detail": None if letter is None else letter.detail,
            "from": came and {"topic": came.topic, "partition": came.partition, "offset": came.offset},
            "bytes": self.size,
            "truncated": letter is not None and letter.truncated,
            **_key(self.stored.key),
            "replayed_at": None if self.replayed_ms is None else _time(self.replayed_ms),
        }

    def as_cells(self) -> list[str]:
        """The line for people, in the order of ``HEADINGS``."""
        letter = self.letter
        return [
            str(self.stored.partition),
            str(self.stored.offset),
            _time(self.timestamp_ms) or f"{self.timestamp_ms} ms",
            _UNKNOWN if letter is None else printable(letter.reason),
            NOT_OURS if letter is None else printable(letter.detail),
            _UNKNOWN if letter is None else _place(letter.original),
            _UNKNOWN if self.size is None else str(self.size),
            _UNKNOWN if self.stored.key is None else _shortened(self.stored.key),
            _UNKNOWN if self.replayed_ms is None else _time(self.replayed_ms) or "yes",
        ]


def print_headings() -> None:
    """The line of headings that ``print_page`` needs off a terminal, once."""
    if not sys.stdout.isatty():
        print_line("\t".join(HEADINGS))


def print_page(lines: Sequence[LetterLine]) -> None:
    """A table on a terminal; elsewhere a line each, the cells separated by tabs."""
    if sys.stdout.isatty():
        Console().print(letter_table(lines))
        return
    for line in lines:
        print_line("\t".join(line.as_cells()))


def letter_table(lines: Sequence[LetterLine]) -> Table:
    """The lines as a table; what was replayed stands back."""
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in HEADINGS:
        # A narrow terminal breaks words, and cuts nothing off.
        table.add_column(heading, overflow="fold")
    for line in lines:
        # Text takes brackets for what they are.
        table.add_row(*(Text(cell) for cell in line.as_cells()), style=None if line.replayed_ms is None else "dim")
    return table


def _shortened(key: bytes) -> str:
    # A character has four bytes at most: these hold one more than is shown.
    text = printable(key[: 4 * (_KEY_SHOWN + 1)].decode("utf-8", "backslashreplace"))
    return text if len(text) <= _KEY_SHOWN else text[: _KEY_SHOWN - 1] + "…"


def _key(key: bytes | None) -> dict[str, str | None]:
    try:
        return {"key": None if key is None else key.decode(), "key_base64": None}
    except UnicodeDecodeError:
        return {"key": None, "key_base64": base64.b64encode(key or b"").decode()}


def _place(record: InputRecord) -> str:
    return f"{printable(record.topic)} {record.partition}:{record.offset}"


def _time(timestamp_ms: int) -> str | None:
    """The time as text; None for one that lies outside the years 1 to 9999, which a producer may set."""
    try:
        return format_time(_EPOCH + timedelta(milliseconds=timestamp_ms))
    except OverflowError:
        return None
