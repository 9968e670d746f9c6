"""The worker's HTTP port, with a shard and without one."""

import json
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from tests.e2e.commands import background, engage, workers
from tests.foreign import read_topic
from tests.harness.deployment import Deployment
from tests.harness.http import Http, http_of
from tests.harness.temporary import Services, temporary_deployment

RUN = "/run-engagement-cycle/"


@pytest.fixture
def served(deployment: Deployment) -> Deployment:
    """A deployment of one shard whose workers listen on any free port."""
    deployment.partitions = 1
    deployment.variables["HTTP_PORT"] = "0"
    deployment.init()
    return deployment


@pytest.fixture(scope="module")
async def unmoved(services: Services) -> AsyncIterator[tuple[Deployment, Http]]:
    """One deployment for all requests that change nothing, and the port of its worker."""
    variables = {"HTTP_PORT": "0"}
    async with temporary_deployment(services, "http", partitions=1, variables=variables) as deployment:
        with workers(deployment) as [worker]:
            http = http_of(worker)
            await http.wait_until_ready()
            yield deployment, http


@pytest.fixture
def https(served: Deployment) -> Iterator[list[Http]]:
    """Two workers, of which one only can own the shard."""
    with workers(served) as [owner], background(served, "run") as standby:
        yield [http_of(owner), http_of(standby)]
        assert standby.stop() == 0


def produce(deployment: Deployment, *arguments: str) -> None:
    """`engage produce`."""
    done = engage(deployment, "produce", *arguments)
    assert done.code == 0, done.stderr


def cycle_records(deployment: Deployment) -> list[object]:
    """The values of the cycles topic, as kcat sees them."""
    return [json.loads(record.value or b"") for record in read_topic(deployment.kafka, deployment.topic("cycles"))]


async def test_a_cycle_asked_of_any_worker_answers_with_the_published_record(
    served: Deployment, https: list[Http]
) -> None:
    for http in https:
        await http.wait_until_ready()
    owned = [http.get("/readyz").json["owned_shards"] for http in https]
    assert sorted(owned) == [[], [0]]
    produce(served, "--user-id", "12", "--name", "Ghost Gary", "--at", "2026-11-01T10:00:00Z")

    first = https[owned.index([0])].post(RUN, b'{"at": "2026-11-06T12:00:00+02:00", "tick_id": "friday"}')
    assert (first.status, first.json["messages_sent"], first.json["tick_id"]) == (200, 1, "friday")
    second = https[owned.index([])].post(RUN)
    assert (second.status, second.json["detailed_stats"]["skip_reasons"]["active"]) == (200, 0)
    assert cycle_records(served) == [first.json, second.json]

    for http in https:
        repeated = http.post(RUN, b'{"at": "2026-11-06T10:00:00Z"}')
        assert repeated.status == 409
        assert "is stale" in repeated.json["error"]
    assert len(cycle_records(served)) == 2

    # What the cycles did can be asked of both, too.
    for http in https:
        assert http.get("/cycles").json == [second.json, first.json]
        assert http.get("/cycles?limit=1").json == [second.json]
        assert http.get("/cycles?before=2026-11-20T00:00:00Z").json == [first.json]
        assert http.get("/cycles/friday").json == first.json
        assert http.get("/stats").json == second.json
        user = http.get("/users/12").json
        assert (user["name"], user["last_messaged"]) == ("Ghost Gary", second.json["at"])
        assert user == engage(served, "user", "12", "--json").json


async def test_of_two_ticks_with_one_id_the_later_one_is_told(https: list[Http]) -> None:
    http = https[0]
    await http.wait_until_ready()
    for day in (6, 7):
        assert http.post(RUN, b'{"at": "2026-11-0%dT10:00:00Z", "tick_id": "a/b ?\xc3\xa9"}' % day).status == 200
    told = http.get("/cycles/a%2Fb%20%3F%C3%A9").json
    assert (told["tick_id"], told["at"]) == ("a/b ?é", "2026-11-07T10:00:00.000000Z")


async def test_whoever_does_not_wait_gets_the_id_to_ask_with(https: list[Http]) -> None:
    http = https[0]
    await http.wait_until_ready()
    asked = http.post(f"{RUN}?timeout=0", b'{"tick_id": "mine"}')
    assert asked.status == 202
    assert asked.json["tick_id"] == "mine"
    told = await http.wait_until("/cycles/mine", lambda answer: answer.status == 200)
    assert told.json["at"] == asked.json["at"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"[]", "JSON object"),
        (b"{", "JSON"),
        (b"\xff", "UTF-8"),
        (b'{"at": "yesterday"}', "at:"),
        (b'{"at": 1795389770}', "at:"),
        (b'{"at": null}', "at:"),
        (b'{"at": "2026-11-06T24:00:00Z"}', "at:"),
        (b'{"at": "2999-01-01T00:00:00Z"}', "at:"),
        (b'{"tick_id": ""}', "tick_id:"),
        (b'{"tick_id": 7}', "tick_id:"),
        (b'{"type": "user.active"}', "type:"),
        (b'{"more": "%s"}' % (b"x" * 70_000), "bytes"),
    ],
)
def test_a_body_that_is_no_tick_is_refused_and_produces_nothing(
    unmoved: tuple[Deployment, Http], body: bytes, named: str
) -> None:
    deployment, http = unmoved
    answer = http.post(RUN, body)
    assert answer.status == 400
    assert named in answer.json["error"]
    assert read_topic(deployment.kafka, deployment.topic("ticks")) == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{RUN}?timeout=soon", 400),
        (f"{RUN}?timeout=-1", 400),
        (f"{RUN}?timeout=nan", 400),
        ("/cycles?limit=many", 400),
        ("/cycles?before=yesterday", 400),
        ("/cycles/none", 404),
        ("/cycles/%00", 400),
        ("/users/nobody", 404),
        (f"/users/{'x' * 129}", 400),
        ("/stats", 404),
        ("/nothing", 404),
        ("/livez", 200),
    ],
)
def test_each_mistake_has_its_status_and_says_what_is_wrong(
    unmoved: tuple[Deployment, Http], path: str, status: int
) -> None:
    _, http = unmoved
    answer = http.post(path) if path.startswith(RUN) else http.get(path)
    assert answer.status == status
    assert status == 200 or answer.json["error"]


def test_a_worker_that_waits_for_kafka_is_alive_and_not_ready(served: Deployment) -> None:
    served.kafka = "127.0.0.1:1"  # nobody listens there
    with background(served, "run") as worker:
        http = http_of(worker)
        assert http.get("/livez").json == {"alive": True}
        ready = http.get("/readyz")
        assert (ready.status, ready.json["ready"]) == (503, False)
        asked = http.post(RUN)
        assert (asked.status, asked.json["error"]) == (503, "; ".join(ready.json["problems"]))
        assert http.get("/cycles").json == [], "Postgres is there"
        assert "engagement_owned_shards 0.0" in http.get("/metrics").text
        assert worker.stop() == 0


async def test_a_halted_shard_is_named_and_keeps_no_worker_from_being_ready(initialised: Deployment) -> None:
    initialised.variables["HTTP_PORT"] = "0"
    connection = await asyncpg.connect(initialised.dsn)
    await connection.execute(
        "UPDATE engagement.shard SET halted_reason = 'its marker is lost', halted_at = now() WHERE shard = 2"
    )
    await connection.close()
    with workers(initialised) as [worker]:
        ready = await http_of(worker).wait_until_ready()
    assert ready.json["halted_shards"] == {"2": "its marker is lost"}
    assert ready.json["owned_shards"] == [0, 1, 3]


def test_the_health_of_a_worker_is_asked_of_its_own_port(unmoved: tuple[Deployment, Http]) -> None:
    deployment, http = unmoved
    assert engage(deployment, "health", ENGAGEMENT_HTTP_PORT=str(http.port)).code == 0
    everywhere = {"ENGAGEMENT_HTTP_HOST": "0.0.0.0", "ENGAGEMENT_HTTP_PORT": str(http.port)}  # noqa: S104 - only asked
    assert engage(deployment, "health", **everywhere).code == 0
    away = engage(deployment, "health", ENGAGEMENT_HTTP_PORT="1")
    assert away.code == 3
    assert "engage run" in away.stderr
    assert engage(deployment, "health", ENGAGEMENT_HTTP_PORT="off").code == 4


def test_a_port_that_is_taken_ends_the_start(unmoved: tuple[Deployment, Http]) -> None:
    deployment, http = unmoved
    done = engage(deployment, "run", ENGAGEMENT_HTTP_PORT=str(http.port))
    assert done.code == 3
    assert "ENGAGEMENT_HTTP_PORT (from the environment)" in done.stderr
    assert "Traceback" not in done.stderr
