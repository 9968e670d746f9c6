"""The log events that the code writes, read from its source."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.monitoring.places import ROOT

LEVELS = ("debug", "info", "warning", "error", "critical")
_PACKAGES = ("consumer", "adapters", "domain")


def written_events() -> dict[str, set[str]]:
    """Event name to the levels that it is written with."""
    found: dict[str, set[str]] = {}
    for path in _sources():
        for level, name in _calls(path):
            found.setdefault(name, set()).add(level)
    return found


def loggers() -> set[str]:
    """The names that loggers are given in the source."""
    return {
        target.id
        for path in _sources()
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Assign) and "get_logger" in ast.unparse(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _sources() -> Iterator[Path]:
    for package in _PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _calls(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_log(node.func.value):
            name = node.args[0] if node.args else None
            place = f"{path.relative_to(ROOT)}:{node.lineno}"
            assert node.func.attr in LEVELS, f"{place}: not one of {', '.join(LEVELS)}"
            assert isinstance(name, ast.Constant), f"{place}: the event's name must be a literal"
            yield node.func.attr, str(name.value)


def _is_log(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "log"
