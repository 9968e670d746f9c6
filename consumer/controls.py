"""Text that others chose, on a terminal."""

import re

# What moves the cursor, changes colours, turns text around or begins another line: whoever chose a name, an id or a
# label must not write on an operator's terminal with it. A tab separates the cells of lists.
CONTROLS = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def shown(text: str) -> str:
    """The text with each control character written as its escape."""
    return CONTROLS.sub(lambda match: match.group().encode("unicode_escape").decode(), text)
