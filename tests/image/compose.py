"""deploy/compose.yaml as Compose reads it: anchors merged, variables filled in."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy"
OURS = "engagement-engine"
"""The image of our own services."""

# ${NAME:-default}, ${NAME:?what to say when it is missing}, $NAME, and $$ for a dollar.
_VARIABLE = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)(?::([-?])([^}]*))?\})")


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable in the text, with its default or None."""

    name: str
    default: str | None


def text() -> str:
    """The file."""
    return (FOLDER / "compose.yaml").read_text(encoding="utf-8")


def example() -> dict[str, str]:
    """The variables of deploy/.env.example."""
    return {name: value or "" for name, value in dotenv_values(FOLDER / ".env.example", interpolate=False).items()}


def variables() -> list[Variable]:
    """Every use of a variable."""
    found = []
    for escaped, bare, name, mark, rest in _VARIABLE.findall(text()):
        if not escaped:
            found.append(Variable(bare or name, rest if mark == "-" else None))
    return found


def services(values: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The services, with these values of the variables. Raises LookupError where a required one is missing."""

    def value(match: re.Match[str]) -> str:
        escaped, bare, name, mark, rest = match.groups()
        if escaped:
            return "$"
        given = values.get(bare or name)
        if not given and mark != "-":
            raise LookupError(f"{bare or name}: {rest}")
        return given or str(rest)

    filled: dict[str, dict[str, Any]] = _filled(yaml.safe_load(text())["services"], value)
    return filled


def _filled(node: Any, value: Callable[[re.Match[str]], str]) -> Any:
    """The same with variables replaced: Compose does that when the YAML has been read, so a value stays a text."""
    if isinstance(node, dict):
        return {name: _filled(part, value) for name, part in node.items()}
    if isinstance(node, list):
        return [_filled(part, value) for part in node]
    return _VARIABLE.sub(value, node) if isinstance(node, str) else node


def our_services(values: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Those of them that run `engage`."""
    return {name: service for name, service in services(values).items() if service["image"].startswith(f"{OURS}:")}
