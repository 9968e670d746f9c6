"""Nobody's name, id or message, and no secret, stands in what a worker writes, counts or answers to mistakes.

The same is played to four workers: at each log level and in each format, and one that shows ids because it shall.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import pytest

from consumer.pseudonyms import hashed
from deploy.local.ports import free_port
from tests.e2e.commands import background, engage
from tests.e2e.raw_http import ask
from tests.foreign import produce, read_topic
from tests.harness.deployment import Deployment
from tests.harness.http import Http
from tests.harness.temporary import Services, side_by_side, temporary_deployment

USER, NAME = "canary-id-7f3a", "Canary Nameson 4c1d"
INPUT = "canary-input-9e2b"
"""In every record, header and request that can't be used."""
SECRETS = {
    "HTTP_TOKEN": "canary-token-0a6f-3d21",
    "LOG_HASH_KEY": "canary-hash-key-58d1",
}
DSN_PASSWORD = "canary-dsn-password-b7e4"
RUNS: dict[str, dict[str, str]] = {
    "info, json": {"LOG_LEVEL": "info"},
    "debug, json": {"LOG_LEVEL": "debug"},
    "debug, console": {"LOG_LEVEL": "debug", "LOG_FORMAT": "console"},
    "ids shown": {"LOG_LEVEL": "debug", "LOG_USER_IDS": "plain"},
}
_UNUSABLE = (
    b'{"type": "user.active", "user_id": "%s"}',
    b'{"type": "user.active", "user_id": "%s", "occurred_at": "%s"}',
    b'{"type": "user.active", "user_id": "%s", "occurred_at": "2026-11-01T10:00:00Z"}',
    b'{"type": "user.active", "user_id": "%s", "occurred_at": "9999-11-01T10:00:00Z"}',
    b'{"type": "%s", "user_id": "x", "occurred_at": "2026-11-01T10:00:00Z"}',
    b'{"type": "user.registered", "user_id": "x", "name": ["%s"], "occurred_at": "2026-11-01T10:00:00Z"}',
    b'{"%s',
)


@dataclass(frozen=True, slots=True)
class Played:
    """Everything that a worker let out: by what it is called, as text."""

    log: str
    answers: Mapping[str, str]
    dead_letters: str
    message: str


def _with_password(dsn: str) -> str:
    """The address with a password that the server doesn't ask for."""
    return dsn.replace("@", f":{DSN_PASSWORD}@", 1)


async def _play(services: Services, name: str, more: Mapping[str, str]) -> Played:
    variables = {
        "HTTP_PORT": str(free_port()),
        "LOG_MESSAGES_PER_CYCLE": "100",
        "LOG_FORMAT": "json",
        **SECRETS,
        **more,
    }
    async with temporary_deployment(services, "personal", partitions=1, variables=variables) as deployment:
        deployment.dsn = _with_password(deployment.dsn)
        return await asyncio.to_thread(_play_to, deployment)


def _play_to(deployment: Deployment) -> Played:
    registered = engage(deployment, "produce", "--user-id", USER, "--name", NAME, "--at", "2026-11-01T10:00:00Z")
    assert registered.code == 0, registered.stderr
    canary = INPUT.encode()
    for value in _UNUSABLE:
        filled = value.replace(b"%s", canary)
        produce(deployment.kafka, deployment.topic("activity"), filled, key=f"{INPUT}-key", headers=[(INPUT, INPUT)])
    produce(deployment.kafka, deployment.topic("ticks"), b'{"at": "%s"}' % canary, key=INPUT)
    with background(deployment, "run") as worker:
        worker.wait_for("http_listening")
        answers = _ask(Http(int(deployment.variables["HTTP_PORT"])))
        assert worker.stop() == 0, worker.log.read_text()
    letters = read_topic(deployment.kafka, deployment.topic("dead-letters"))
    assert len(letters) == len(_UNUSABLE) + 1
    added = [value for letter in letters for header, value in letter.headers if header.startswith("engagement.error.")]
    [message] = read_topic(deployment.kafka, deployment.topic("messages"))
    return Played(worker.log.read_text(), answers, "\n".join(map(repr, added)), (message.value or b"").decode())


def _ask(http: Http) -> dict[str, str]:
    token = {"Authorization": f"Bearer {SECRETS['HTTP_TOKEN']}"}
    asyncio.run(http.wait_until_ready())
    done = ask(http.port, "POST", "/run-engagement-cycle/", b'{"tick_id": "by hand"}', token)
    assert (done.status, done.answer.json["messages_sent"]) == (200, 1)
    known = ask(http.port, "GET", f"/users/{USER}", headers=token)
    assert known.answer.json["name"] == NAME, "whoever has the token sees it"
    answers = {"metrics": ask(http.port, "GET", "/metrics").answer.text, "cycle": done.answer.text}
    body = b'{"tick_id": 5, "at": "%s", "%s": "%s"}' % ((INPUT.encode(),) * 3)
    for method, path, headers in (
        ("POST", "/run-engagement-cycle/", token),
        ("POST", f"/run-engagement-cycle/?timeout={INPUT}", token),
        ("POST", "/run-engagement-cycle/", {"Authorization": f"Bearer {INPUT}"}),
        ("GET", f"/users/{INPUT}", token),
        ("GET", f"/users/{INPUT}%00", token),
        ("GET", f"/users/{USER}", {}),
        ("GET", f"/cycles/{INPUT}", {}),
        ("GET", f"/cycles?before={INPUT}&limit={INPUT}", {"X-Canary": INPUT, "Cookie": INPUT}),
    ):
        reply = ask(http.port, method, path, body if method == "POST" else None, headers)
        assert reply.status >= 400
        answers[f"{method} {path} {headers}"] = reply.answer.text
    return answers


@pytest.fixture(scope="module")
async def played(services: Services) -> AsyncIterator[Mapping[str, "asyncio.Task[Played]"]]:
    jobs = {name: (lambda name=name, more=more: _play(services, name, more)) for name, more in RUNS.items()}
    async with side_by_side(jobs, len(jobs)) as tasks:
        yield tasks


@pytest.mark.parametrize("run", RUNS)
async def test_what_a_worker_lets_out_holds_no_personal_data_and_no_secret(
    played: Mapping[str, "asyncio.Task[Played]"], run: str
) -> None:
    of_run = await played[run]
    assert NAME in of_run.message, "else there was nothing to leak"
    let_out = {"log": of_run.log, "dead letters": of_run.dead_letters, **of_run.answers}
    words = [NAME, "Nameson", "we miss you", INPUT, DSN_PASSWORD, *SECRETS.values()]
    if run != "ids shown":
        # Of the same meaning as the id: its hash without a key, and the id of the message, which is one too.
        words += [USER, hashed(b"")(USER), json.loads(of_run.message)["message_id"]]
    found = {(what, word) for what, text in let_out.items() for word in words if word in text}
    assert not found


@pytest.mark.parametrize("run", RUNS)
async def test_the_log_tells_users_apart_all_the_same(played: Mapping[str, "asyncio.Task[Played]"], run: str) -> None:
    log = (await played[run]).log
    stands_for = str if run == "ids shown" else hashed(SECRETS["LOG_HASH_KEY"].encode())
    [sent] = [line for line in log.splitlines() if "message_sent" in line]
    assert stands_for(USER) in sent
