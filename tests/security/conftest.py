"""One secured broker and one secured Postgres for a run of these tests."""

import asyncio
from collections.abc import Iterator

import pytest

from deploy.local.folders import LOCAL_FOLDER, run_folder
from tests.security.broker import secured_kafka
from tests.security.certificates import make_certificates
from tests.security.database import open_to_passwords_only, running_server
from tests.security.scene import Secured


@pytest.fixture(scope="session")
def secured() -> Iterator[Secured]:
    """Servers that ask who is there, and their files."""
    with run_folder(LOCAL_FOLDER) as folder:
        certificates = make_certificates(folder)
        with secured_kafka(folder / "kafka", certificates) as kafka, running_server(folder / "postgres") as server:
            postgres = asyncio.run(open_to_passwords_only(server, folder / "postgres", certificates))
            yield Secured(kafka, postgres, certificates, folder)
