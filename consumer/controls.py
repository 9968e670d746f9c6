"""Text that others chose, on a terminal."""

import re

# What moves the cursor, changes colours, turns text around or begins another line: whoever chose a name, an id or a
# label must not write on an operator's terminal with it. A tab separates the cells of lists.
CONTROLS = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def shown(text: str) -> str:
    """The text with each control character written as its escape."""
    return CONTROLS.sub(lambda match: _escape(match.group()), text)


def printable(text: str) -> str:
    """The text with an escape for every character that isn't printable, also those that only join or space others.

    For bytes that nobody has checked.
    """
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode()
