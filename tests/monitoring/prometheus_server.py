"""A Prometheus of one's own, on loopback."""

import contextlib
import http.client
import json
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from deploy.local.child import Child
from deploy.local.ports import free_port
from tests.monitoring.expressions import JOB
from tests.monitoring.places import ALERTS, tool

_READY_SECONDS, _STOP_SECONDS, _ANSWER_SECONDS = 30.0, 10.0, 10.0


@dataclass(frozen=True, slots=True)
class Series:
    """Labels, and points (Unix time, value) in the order of time."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]


def fetch(port: int, path: str) -> tuple[int, bytes]:
    """Status and body of what is served there on this machine. Raises OSError when nothing is."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)
    with contextlib.closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()


class Prometheus:
    """Its HTTP API. What it says is wrong with a query is raised as AssertionError."""

    def __init__(self, port: int) -> None:
        self._port = port

    def ready(self) -> bool:
        """Whether it answers queries."""
        try:
            return fetch(self._port, "/-/ready")[0] == HTTPStatus.OK
        except OSError:
            return False

    def ask(self, path: str, **parameters: str) -> Any:
        """The data of an answer."""
        _, body = fetch(self._port, f"/api/v1/{path}?{urlencode(parameters)}")
        found = json.loads(body)
        assert found["status"] == "success", found
        return found["data"]

    def now(self, query: str) -> list[Series]:
        """The value at this moment."""
        result = self.ask("query", query=query)["result"]
        return [Series(each["metric"], [_point(each["value"])]) for each in result]

    def over(self, query: str, start: float, end: float, step: float) -> list[Series]:
        """The values from ``start`` to ``end``."""
        found = self.ask("query_range", query=query, start=str(start), end=str(end), step=str(step))
        return [Series(each["metric"], [_point(point) for point in each["values"]]) for each in found["result"]]


def _point(found: Sequence[Any]) -> tuple[float, float]:
    return float(found[0]), float(found[1])


@contextmanager
def running_prometheus(folder: Path, targets_file: Path, scrape_seconds: int = 1) -> Iterator[Prometheus]:
    """A server that scrapes the targets that stand in the file (read anew when it changes), with our alert rules."""
    folder.mkdir(parents=True, exist_ok=True)
    discovery = {"files": [str(targets_file)], "refresh_interval": "1s"}
    settings = {
        "global": {"scrape_interval": f"{scrape_seconds}s", "evaluation_interval": f"{scrape_seconds}s"},
        "rule_files": [str(ALERTS)],
        "scrape_configs": [{"job_name": JOB, "file_sd_configs": [discovery]}],
    }
    config = folder / "prometheus.yaml"
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    port = free_port()
    options = [
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.console.templates=",
        "--web.console.libraries=",
    ]
    server = Child([tool("prometheus"), *options], folder / "prometheus.log", death_signal=signal.SIGKILL)
    try:
        prometheus = Prometheus(port)
        server.wait_until_ready("Prometheus", prometheus.ready, _READY_SECONDS)
        yield prometheus
    finally:
        server.stop(signal.SIGTERM, _STOP_SECONDS)


def write_targets(file: Path, addresses: Sequence[str]) -> None:
    """Name the targets; Prometheus never reads a half-written file."""
    part = file.with_suffix(".part")
    part.write_text(json.dumps([{"targets": list(addresses)}]), encoding="utf-8")
    part.replace(file)
