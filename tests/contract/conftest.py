"""Servers for the suites of the ports."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.contract.databases import Servers


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Postgres of each version, by version."""
    with ExitStack() as started:
        yield Servers(started)
