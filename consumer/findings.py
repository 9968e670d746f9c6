"""What a check of the surroundings finds."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """What a finding means for the engine."""

    OK = "ok"
    NOTICE = "notice"
    """Allowed, and worth knowing."""
    PROBLEM = "problem"
    """The engine does not work, or leaves something out, until this is put right."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check, with what to do about it."""

    check: str
    level: Level
    text: str


def ok(check: str, text: str) -> Finding:
    """Nothing to do."""
    return Finding(check, Level.OK, text)


def notice(check: str, text: str) -> Finding:
    """Nothing that must be done."""
    return Finding(check, Level.NOTICE, text)


def problem(check: str, text: str) -> Finding:
    """Something that must be done."""
    return Finding(check, Level.PROBLEM, text)
