"""Writes docs/bad-input.md."""

import sys

from tests.bad_input.document import DOCUMENT, text

DOCUMENT.write_text(text(), encoding="utf-8")
print(f"{DOCUMENT.name} written", file=sys.stderr)
