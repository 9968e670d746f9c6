"""Writes the tables of docs/RELIABILITY.md that are made from the tests: the mutants and the catalogue."""

import sys
from collections.abc import Iterator
from pathlib import Path

from deploy.documents.sections import replaced
from tests.fault.catalogue import CATALOGUE
from tests.harness.mutants.table import markdown

DOCUMENT = Path(__file__).parents[2] / "docs" / "RELIABILITY.md"


def text(document: str) -> str:
    """The document with both tables as they should be. Raises ValueError where it has no place for one."""
    for name, table in {"mutants": markdown().strip(), "catalogue": "\n".join(_catalogue())}.items():
        document = replaced(document, name, table)
    return document


def _catalogue() -> Iterator[str]:
    yield "| | what may happen | what comes of it | shown by |"
    yield "|---:|---|---|---|"
    for row in CATALOGUE:
        files = sorted({test.partition("::")[0] for test in row.tests})
        shown = ", ".join(f"[{Path(file).stem}](../{file})" for file in files)
        yield f"| {row.number} | {row.fault} | {row.expected} | {shown} |"


if __name__ == "__main__":
    DOCUMENT.write_text(text(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{DOCUMENT.name} written", file=sys.stderr)
