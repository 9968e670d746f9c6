"""Away with Kafka or Postgres: the worker says that it is alive and not ready, and is ready again afterwards."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.deployment import Deployment
from tests.harness.http import Http
from tests.harness.restartable import Outage, Restartable, restartable_kafka, restartable_postgres
from tests.harness.temporary import Services, temporary_deployment
from tests.harness.waiting import wait_for_event


@dataclass(frozen=True, slots=True)
class Scene:
    """A worker with services of its own."""

    http: Http
    services: dict[str, Restartable]


@pytest.fixture(scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """One for all outages, one after the other."""
    folder: Path = tmp_path_factory.mktemp("readiness")
    async with AsyncExitStack() as opened:
        servers, kafka = await opened.enter_async_context(restartable_kafka(folder))
        dsn, postgres = await opened.enter_async_context(restartable_postgres(folder))
        services = Services(servers, dsn, folder)
        deployment: Deployment = await opened.enter_async_context(
            temporary_deployment(services, "readiness", partitions=2, variables={"HTTP_PORT": "0"})
        )
        [listening] = await wait_for_event(deployment.start_worker(), "http_listening")
        yield Scene(Http(listening["port"]), {"Kafka": kafka, "Postgres": postgres})


@pytest.mark.parametrize("outage", ["killed", "frozen"])
@pytest.mark.parametrize("name", ["Kafka", "Postgres"])
async def test_a_worker_is_ready_again_after_an_outage(scene: Scene, name: str, outage: Outage) -> None:
    http = scene.http
    await http.wait_until_ready()
    async with scene.services[name].away(outage):
        answer = await http.wait_until("/readyz", lambda answer: answer.status == 503 and name in answer.text)
        assert answer.json["ready"] is False
        assert http.get("/livez").status == 200
        assert http.post("/run-engagement-cycle/").status == 503
    ready = await http.wait_until_ready()
    assert ready.json["owned_shards"] == [0, 1]
