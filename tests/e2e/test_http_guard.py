"""The HTTP port among strangers: who may ask what, and what those get who ask too much, too slowly or nonsense.

One deployment with three workers: on a loopback address without a token, on all addresses with one, and without.
"""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace

import pytest

from consumer.http.connections import MOST_CONNECTIONS
from consumer.http.limits import TICKS_AT_ONCE
from tests.conditions import eventually
from tests.e2e.commands import Background, background
from tests.e2e.raw_http import SECONDS, Slow, ask, send_raw, slow_connections
from tests.foreign import read_topic
from tests.harness.deployment import Deployment
from tests.harness.http import http_of
from tests.harness.temporary import Services, temporary_deployment

RUN = "/run-engagement-cycle/"
USER = "/users/nobody"
TOKEN = "3f1c9d0e5b7a48f2a6c4d8e0b1975f32"
EVERYWHERE = {"HTTP_HOST": "0.0.0.0"}  # noqa: S104 - asked from this machine
CLOSE = b"Host: localhost\r\nConnection: close\r\n"
POST_HEAD = b"POST /run-engagement-cycle/ HTTP/1.1\r\n" + CLOSE
CHUNK = b"4000\r\n" + b" " * 0x4000 + b"\r\n"

SLOW = {
    "a head without end": Slow(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", b"x"),
    "a body without end": Slow(POST_HEAD + b"Content-Length: 1000\r\n\r\n{", b" "),
    "chunks without end": Slow(POST_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "a body that nobody reads": Slow(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n", b" "),
    "nothing at all": Slow(b"", b""),
    "nothing after an answer": Slow(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", b""),
}


@dataclass(frozen=True, slots=True)
class Door:
    """A worker and its port."""

    worker: Background
    port: int


@dataclass(frozen=True, slots=True)
class Doors:
    deployment: Deployment
    local: Door
    guarded: Door
    careless: Door

    @property
    def all(self) -> list[Door]:
        return [self.local, self.guarded, self.careless]


@pytest.fixture(scope="module")
async def doors(services: Services) -> AsyncIterator[Doors]:
    variables = {"HTTP_PORT": "0"}
    async with temporary_deployment(services, "guard", partitions=1, variables=variables) as deployment:
        with contextlib.ExitStack() as running:
            found = []
            for more in ({}, {**EVERYWHERE, "HTTP_TOKEN": TOKEN}, EVERYWHERE):
                worker = running.enter_context(
                    background(replace(deployment, variables=variables | more, workers=[]), "run")
                )
                found.append(Door(worker, http_of(worker).port))
            for door in found:
                await http_of(door.worker).wait_until_ready()
            yield Doors(deployment, *found)
            for door in found:
                assert door.worker.stop() == 0, door.worker.log.read_text()


@pytest.fixture(scope="module")
def slow(doors: Doors) -> Iterator[list[threading.Thread]]:
    """Slow connections, begun before the other tests: they wait while those go on."""
    with slow_connections(doors.local.port, list(SLOW.values())) as threads:
        yield threads


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


# --- who may ask ---


@pytest.mark.parametrize(
    ("method", "path"), [("POST", RUN), ("POST", RUN[:-1]), ("GET", USER), ("HEAD", USER), ("GET", "/users/a/../b")]
)
@pytest.mark.usefixtures("slow")
def test_without_a_token_only_a_loopback_address_acts_and_tells_of_users(doors: Doors, method: str, path: str) -> None:
    reply = ask(doors.careless.port, method, path, headers=bearer(TOKEN))
    assert reply.status == 403
    assert method == "HEAD" or "ENGAGEMENT_HTTP_TOKEN" in reply.error


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Basic {TOKEN}",
        TOKEN,
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}0",
        f"Bearer {TOKEN.upper()}",
        f"Bearer {TOKEN}, Bearer {TOKEN}",
        "Bearer ünïcode",
    ],
)
def test_with_a_token_no_other_one_helps(doors: Doors, given: str | None) -> None:
    headers = {} if given is None else {"Authorization": given}
    for method, path in (("POST", RUN), ("POST", RUN[:-1]), ("GET", USER)):
        reply = ask(doors.guarded.port, method, path, headers=headers)
        assert reply.status == 401
        assert reply.headers["www-authenticate"].startswith("Bearer realm=")
        assert TOKEN not in reply.answer.text


def test_with_the_token_everything_is_answered_to_everybody(doors: Doors) -> None:
    for scheme in ("Bearer", "bearer"):
        headers = {"Authorization": f"{scheme} {TOKEN}", "Host": "engine.example", "Origin": "https://tools.example"}
        assert ask(doors.guarded.port, "GET", USER, headers=headers).status == 404
        assert ask(doors.guarded.port, "POST", RUN, b"[]", headers).status == 400


def test_health_and_figures_need_no_token(doors: Doors) -> None:
    for door in doors.all:
        for path, status in (("/livez", 200), ("/readyz", 200), ("/metrics", 200), ("/cycles", 200), ("/stats", 404)):
            assert ask(door.port, "GET", path, headers={"Host": "10.0.0.7:8080"}).status == status


@pytest.mark.parametrize("host", ["localhost", "LocalHost:80", "127.0.0.1:{port}", "127.9.9.9", "[::1]:{port}"])
def test_this_machine_is_asked_by_its_own_names(doors: Doors, host: str) -> None:
    host = host.format(port=doors.local.port)
    assert ask(doors.local.port, "GET", USER, headers={"Host": host}).status == 404
    assert ask(doors.local.port, "POST", RUN, b"[]", {"Host": host, "Origin": f"http://{host}"}).status == 400


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ({"Host": "evil.example"}, "Host"),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, "Host"),
        ({"Host": "localhost.evil.example"}, "Host"),
        ({"Host": "evil.example@localhost"}, "Host"),
        ({"Host": "10.0.0.7"}, "Host"),
        ({"Host": ""}, "Host"),
        ({"Origin": "https://evil.example"}, "web pages"),
        ({"Origin": "http://localhost:3000"}, "web pages"),
        ({"Origin": "null"}, "web pages"),
    ],
)
def test_a_web_page_can_not_make_this_machine_act_or_tell(doors: Doors, headers: dict[str, str], named: str) -> None:
    """The second is a page whose own name was made to lead to this machine."""
    for method, path in (("POST", RUN), ("GET", USER)):
        reply = ask(doors.local.port, method, path, headers=headers)
        assert reply.status == 403
        assert named in reply.error


def test_no_redirection_leads_to_a_host_that_the_request_names(doors: Doors) -> None:
    for path in (b"/livez/", b"/cycles//evil.example", b"//evil.example/..", RUN[:-1].encode()):
        sent = b"GET " + path + b" HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
        head, _, body = send_raw(doors.local.port, sent).partition(b"\r\n\r\n")
        assert head.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 405 "))
        assert b"location" not in head.lower()
        assert set(json.loads(body)) == {"error"}


def test_answers_are_data_that_nobody_keeps(doors: Doors) -> None:
    headers = ask(doors.local.port, "GET", USER).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers
    assert not [name for name in headers if name.startswith("access-control")]


# --- how much, and what ---


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS greeting\r\n\r\n", 400),
        (b"GET /livez HTTP/2.0 please\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nHost: a\r\nX: \x1b[31m\x00\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 400_000, 400),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n" + CLOSE + b"\r\n", 431),
        (b"GET /livez?" + b"x" * 20_000 + b" HTTP/1.1\r\n" + CLOSE + b"\r\n", 431),
        (b"GET /livez HTTP/1.1\r\n" + CLOSE + b"X: " + b"x" * 20_000 + b"\r\n\r\n", 431),
        (b"GET /livez HTTP/1.1\r\n" + CLOSE + b"X: y\r\n" * 10_000 + b"\r\n", 431),
        (POST_HEAD + b"Content-Length: -1\r\n\r\n", 400),
        (POST_HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n[]]", 400),
        (POST_HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n", 400),
        (POST_HEAD + b"Transfer-Encoding: gzip\r\n\r\n", 400),
        (POST_HEAD + b"Transfer-Encoding: chunked\r\n\r\nno number\r\n", 400),
        (POST_HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNK * 5, 400),
        (POST_HEAD + b"Content-Length: 1000000000\r\n\r\n" + b" " * 70_000, 400),
        (b"TRACE /livez HTTP/1.1\r\n" + CLOSE + b"\r\n", 405),
        (b"GET /livez HTTP/1.1\r\n" + CLOSE + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n", 200),
        (b"GET /livez HTTP/1.1\r\n" + CLOSE + b"Content-Length: 5\r\n\r\n12345", 200),
    ],
    ids=range(20),
)
def test_each_kind_of_nonsense_has_an_answer_in_json(doors: Doors, sent: bytes, status: int) -> None:
    answer = send_raw(doors.local.port, sent)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), answer
    assert set(json.loads(body)) <= {"error", "alive"}
    assert ask(doors.local.port, "GET", "/livez").status == 200


async def test_asking_too_often_has_to_wait(doors: Doors) -> None:
    # All in one go: asked one after the other by a slow client, they might not be too many.
    one = b"POST %s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nContent-Length: 2\r\n" % (
        RUN.encode(),
        TOKEN.encode(),
    )
    asked = (one + b"\r\n[]") * (4 * TICKS_AT_ONCE) + one + b"Connection: close\r\n\r\n[]"
    received = await asyncio.to_thread(send_raw, doors.guarded.port, asked)
    assert received.count(b"HTTP/1.1 ") == 4 * TICKS_AT_ONCE + 1
    assert received.count(b"HTTP/1.1 400 ") >= TICKS_AT_ONCE
    assert b"HTTP/1.1 429 " in received
    assert b"Retry-After: 1\r\n".lower() in received.lower()
    # Others are not hindered: what has no token doesn't count, and nothing else is limited.
    assert ask(doors.guarded.port, "POST", RUN).status == 401
    assert ask(doors.guarded.port, "GET", USER, headers=bearer(TOKEN)).status == 404

    async def check() -> None:
        assert ask(doors.guarded.port, "POST", RUN, b"[]", bearer(TOKEN)).status == 400

    await eventually(check)


def test_those_who_hold_connections_open_keep_nobody_out(doors: Doors) -> None:
    with contextlib.ExitStack() as opened:
        for _ in range(2 * MOST_CONNECTIONS):
            opened.enter_context(socket.create_connection(("127.0.0.1", doors.local.port), timeout=SECONDS))
        assert ask(doors.local.port, "GET", "/livez").status == 200
        assert ask(doors.local.port, "GET", "/metrics").status == 200


def test_whoever_leaves_in_the_middle_troubles_nobody(doors: Doors) -> None:
    for sent in (b"GET /liv", POST_HEAD + b"Content-Length: 10\r\n\r\n{"):
        with socket.create_connection(("127.0.0.1", doors.local.port), timeout=SECONDS) as connection:
            connection.sendall(sent)
    assert ask(doors.local.port, "GET", "/livez").status == 200


@pytest.mark.parametrize("name", SLOW)
async def test_slow_connections_end(slow: list[threading.Thread], name: str) -> None:
    each = SLOW[name]

    async def check() -> None:
        assert each.seconds is not None

    await eventually(check, 2 * SECONDS)
    head = each.received.partition(b"\r\n")[0]
    assert head == {
        "a body without end": b"HTTP/1.1 408 Request Timeout",
        "chunks without end": b"HTTP/1.1 408 Request Timeout",
        "a body that nobody reads": b"HTTP/1.1 200 OK",
        "nothing after an answer": b"HTTP/1.1 200 OK",
    }.get(name, b"")


def test_in_the_end_all_workers_work_and_nothing_was_asked_for(doors: Doors) -> None:
    assert read_topic(doors.deployment.kafka, doors.deployment.topic("ticks")) == []
    for door in doors.all:
        assert ask(door.port, "GET", "/readyz").status == 200
        log = door.worker.log.read_text()
        assert "Traceback" not in log
        lines = [json.loads(line) for line in log.splitlines()]
        of_http = [line for line in lines if line.get("logger", "").startswith(("uvicorn", "asyncio"))]
        assert {line["event"] for line in of_http} <= {"Invalid HTTP request received."}
    done = ask(doors.guarded.port, "POST", RUN, b'{"tick_id": "at last"}', bearer(TOKEN))
    assert (done.status, done.answer.json["tick_id"]) == (200, "at last")
