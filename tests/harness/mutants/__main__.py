"""Print the tables of mutants: ``python -m tests.harness.mutants``."""

from tests.harness.mutants.table import markdown

print(markdown())
