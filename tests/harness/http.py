"""A worker's HTTP port, asked by a client that isn't ours; each answer is held to its JSON Schema."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from tests.conditions import eventually
from tests.documents.schemas import validator_of
from tests.e2e.commands import Background

SECONDS = 40.0
_OF_ANY_STATUS = {"readyz": "http.ready", "livez": "http.alive"}
_OF_STATUS_200 = {
    "run-engagement-cycle": "engagement.cycle",
    "cycles": "engagement.cycle",
    "stats": "engagement.cycle",
    "users": "http.user",
    "metrics": None,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, and what came with it."""

    status: int
    text: str

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)


@dataclass(frozen=True, slots=True)
class Http:
    """One worker's port on this machine."""

    port: int

    def get(self, path: str) -> Answer:
        """GET."""
        return self._ask("GET", path, None)

    def post(self, path: str, body: bytes = b"") -> Answer:
        """POST."""
        return self._ask("POST", path, body)

    async def wait_until(self, path: str, holds: Callable[[Answer], bool]) -> Answer:
        """GET again and again until the answer is as it should be."""
        answer = self.get(path)

        async def check() -> None:
            nonlocal answer
            answer = self.get(path)
            assert holds(answer), answer

        await eventually(check, SECONDS)
        return answer

    async def wait_until_ready(self) -> Answer:
        """Wait until the worker says that it is ready."""
        return await self.wait_until("/readyz", lambda answer: answer.status == 200)

    def _ask(self, method: str, path: str, body: bytes | None) -> Answer:
        answer = self._answer(method, path, body)
        name = schema_name(path, answer.status)
        if name is not None:
            validator_of(name).validate(answer.json)
        return answer

    def _answer(self, method: str, path: str, body: bytes | None) -> Answer:
        address = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(address, data=body, method=method)
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - http, as above
                return Answer(answer.status, answer.read().decode())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read().decode())


def schema_name(path: str, status: int) -> str | None:
    """Which schema the answer must fit; None for metrics, which are no JSON."""
    route, _, rest = path.partition("?")[0].removeprefix("/").partition("/")
    if route in _OF_ANY_STATUS:
        return _OF_ANY_STATUS[route]
    if status >= HTTPStatus.BAD_REQUEST:
        return "http.error"
    if status == HTTPStatus.ACCEPTED:
        return "http.accepted"
    return "http.cycles" if (route, rest) == ("cycles", "") else _OF_STATUS_200[route]


def http_of(worker: Background) -> Http:
    """The port that the worker says it listens on."""
    worker.wait_for("http_listening")
    lines = [json.loads(line) for line in worker.log.read_text().splitlines() if "http_listening" in line]
    return Http(lines[0]["port"])
