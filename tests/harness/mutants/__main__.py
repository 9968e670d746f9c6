"""Print the tables of mutants: ``python -m tests.harness.mutants``. With ``--apply``, those that can't be made."""

import os
import sys

from tests.harness.mutants import HARMLESS, MUTANTS
from tests.harness.mutants.table import markdown


def unmade() -> int:
    """How many mutants' patches don't fit the engine any more; each is made in a process of its own, which says so."""
    failed = 0
    for name, patch in (MUTANTS | HARMLESS).items():
        child = os.fork()
        if child == 0:
            try:
                patch()
            except LookupError as error:
                print(f"{name}: {error}", flush=True)
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        failed += status != 0
    return failed


if sys.argv[1:] == ["--apply"]:
    sys.exit(unmade())
print(markdown())
