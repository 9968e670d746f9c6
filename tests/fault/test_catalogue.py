"""The catalogue of faults names tests that exist, for every fault."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.fault.catalogue import CATALOGUE, Row

ROOT = Path(__file__).parents[2]
ROWS = 25


def test_every_fault_has_its_row() -> None:
    assert [row.number for row in CATALOGUE] == list(range(1, ROWS + 1))


@pytest.mark.parametrize("row", CATALOGUE, ids=lambda row: str(row.number))
def test_every_fault_is_shown_by_tests_that_exist(row: Row) -> None:
    assert row.tests
    assert [test for test in row.tests if not exists(test)] == []
    assert len(set(row.tests)) == len(row.tests)


def test_a_test_that_was_renamed_is_noticed() -> None:
    assert exists("tests/fault/test_catalogue.py::test_every_fault_has_its_row")
    assert not exists("tests/fault/test_catalogue.py::exists")
    assert not exists("tests/fault/test_catalogue.py::test_that_was_renamed")
    assert not exists("tests/fault/test_that_was_renamed.py::test_every_fault_has_its_row")


def exists(test: str) -> bool:
    """Whether pytest would find the test: a function of a test file's own, not one that it imports."""
    path, _, name = test.partition("::")
    return name.startswith("test_") and name in _functions(ROOT / path)


@cache
def _functions(path: Path) -> frozenset[str]:
    if not path.is_file() or not path.name.startswith("test_"):
        return frozenset()
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return frozenset(node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
