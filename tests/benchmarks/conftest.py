from collections.abc import Iterator

import pytest

from benchmarks.services import Services, running_services


@pytest.fixture(scope="package")
def benched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with running_services(tmp_path_factory.mktemp("bench")) as services:
        yield services
