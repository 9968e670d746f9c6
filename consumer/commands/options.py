"""Options that several commands share."""

from datetime import datetime, timedelta
from typing import Annotated

import typer

from adapters.codec import parse_time
from consumer.commands.durations import parse_interval

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one value a line, instead of text.")]
Timeout = Annotated[float, typer.Option(min=0.1, max=86_400, help="Seconds to wait for a cycle at most.")]


def time_option(text: str, name: str) -> datetime:
    """The time that an option holds. Raises BadParameter."""
    try:
        return parse_time(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=name) from error


def interval_option(text: str, name: str) -> timedelta:
    """The interval that an option holds. Raises BadParameter."""
    try:
        return parse_interval(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=name) from error
