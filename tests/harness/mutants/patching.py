"""Patching the engine's source, so that a patch fails loudly where the engine is written otherwise now."""

import inspect
import sys
import textwrap
from typing import Any


def rewrite(owner: type, name: str, *changes: tuple[str, str], given: dict[str, object] | None = None) -> None:
    """Change the text of a method: each of the ``changes``, old to new, once.

    Where a text has several lines, the others are indented as against the first one. ``given``: further names that the
    new text uses. Raises LookupError where an old text is not found exactly once.
    """
    method = inspect.unwrap(getattr(owner, name))
    source = textwrap.dedent(inspect.getsource(method))
    for old, new in changes:
        source = _changed(source, old, new, f"{owner.__name__}.{name}")
    module: dict[str, Any] = vars(sys.modules[method.__module__])
    module |= given or {}
    made: dict[str, Any] = {}
    exec(compile(source, f"<mutant of {owner.__name__}.{name}>", "exec"), module, made)  # noqa: S102 - our own source
    setattr(owner, name, made[name])


def replace(owner: object, name: str, defect: object) -> None:
    """Put the defect into the place of what has this name. Raises AttributeError where nothing has."""
    must_differ(getattr(owner, name), defect)
    setattr(owner, name, defect)


def must_differ(sound: object, broken: object) -> None:
    """Raise LookupError where there is nothing to patch any more."""
    if sound == broken:
        raise LookupError("the mutant is the sound engine: what it patches is written otherwise now")


def _changed(source: str, old: str, new: str, where: str) -> str:
    first = old.partition("\n")[0]
    line = source[: source.find(first)].rpartition("\n")[2]
    newline = "\n" + line[: len(line) - len(line.lstrip())]
    old, new = old.replace("\n", newline), new.replace("\n", newline)
    if source.count(old) != 1:
        raise LookupError(f"{where} is written otherwise now: there is not one {old!r} in it")
    return source.replace(old, new)
