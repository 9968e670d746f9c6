"""Sections of a page whose text comes from a run, between two comments that name them."""

import re


def markers(name: str) -> tuple[str, str]:
    """What stands before and after the section of this name."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def section(name: str, text: str) -> str:
    """The text between its markers, each on a line of its own."""
    begin, end = markers(name)
    return f"{begin}\n{text}\n{end}\n"


def replaced(page: str, name: str, text: str) -> str:
    """The page with this text as the section of this name. Raises ValueError where the page has no such section."""
    begin, end = markers(name)
    found = re.compile(f"{re.escape(begin)}.*{re.escape(end)}\n", re.DOTALL)
    if not found.search(page):
        raise ValueError(f"no place for the section: {begin} and {end} are not in the page")
    return found.sub(lambda _: section(name, text), page)
