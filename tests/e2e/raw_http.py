"""HTTP as clients that don't keep to it speak it: the bytes as they are given, and as slowly as they like."""

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.documents.schemas import validator_of
from tests.harness.http import Answer, schema_name

SECONDS = 40.0
_BYTE_EVERY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with its headers, whose names are in lower case."""

    answer: Answer
    headers: Mapping[str, str]

    @property
    def status(self) -> int:
        return self.answer.status

    @property
    def error(self) -> str:
        """What the body of an error says."""
        return str(self.answer.json["error"])


def ask(
    port: int, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """One request on a connection of its own; the body must fit its JSON Schema. ``Host`` is ours to choose, too."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        answer = Answer(response.status, response.read().decode())
    name = schema_name(path, answer.status)
    if name is not None and method != "HEAD":
        validator_of(name).validate(answer.json)
    return Reply(answer, {name.lower(): text for name, text in response.getheaders()})


def send_raw(port: int, sent: bytes) -> bytes:
    """What comes back for these bytes before the worker closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        # A worker that has closed already refuses the rest.
        with contextlib.suppress(ConnectionError):
            connection.sendall(sent)
        return _read_to_end(connection)


@dataclass
class Slow:
    """A connection that sends a byte now and then; ``seconds`` is how long the worker stood that, once it has ended."""

    first: bytes
    byte: bytes
    received: bytes = b""
    seconds: float | None = None

    def run(self, port: int, stop: threading.Event) -> None:
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", port), timeout=_BYTE_EVERY_SECONDS) as connection:
            connection.sendall(self.first)
            while not stop.is_set():
                try:
                    got = connection.recv(65_536)
                    self.received += got
                    if not got:
                        break
                except TimeoutError:
                    pass
                except ConnectionError:
                    break
                with contextlib.suppress(ConnectionError):
                    connection.sendall(self.byte)
        self.seconds = time.monotonic() - began


@contextlib.contextmanager
def slow_connections(port: int, connections: list[Slow]) -> Iterator[list[threading.Thread]]:
    """All of them at once, each in a thread of its own."""
    stop = threading.Event()
    threads = [threading.Thread(target=each.run, args=(port, stop), daemon=True) for each in connections]
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _read_to_end(connection: socket.socket) -> bytes:
    received = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65_536):
            received += part
    return received
