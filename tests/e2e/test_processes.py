"""`engage run --processes N`: several workers that are one to whoever started them."""

import json
import os
import signal
import socket

import psutil
import pytest

from tests.conditions import eventually
from tests.e2e.commands import Background, background
from tests.harness.deployment import Deployment


def children_of(command: Background) -> list[psutil.Process]:
    return list(psutil.Process(command.process.pid).children(recursive=True))


async def until_shared(command: Background) -> None:
    """Wait until each of two workers has two of the four shards."""

    async def shared() -> None:
        text = command.log.read_text()
        assert text.count("service_started") == 2
        assert '"shards": [0, 2]' in text
        assert '"shards": [1, 3]' in text

    await eventually(shared)


async def test_the_workers_share_the_shards_and_stop_together(initialised: Deployment) -> None:
    with background(initialised, "run", "--processes", "2") as command:
        await until_shared(command)
        children = children_of(command)
        assert len(children) == 2
        assert command.stop() == 0
        assert not any(child.is_running() for child in children)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_when_one_ends_all_end(initialised: Deployment, number: signal.Signals) -> None:
    with background(initialised, "run", "--processes", "2") as command:
        await until_shared(command)
        one, other = children_of(command)
        one.send_signal(number)
        code = command.process.wait(15)
        assert code == (128 + number if number is signal.SIGKILL else 0)
        assert not other.is_running()
        assert "worker_process_ended" in command.log.read_text()


async def test_the_workers_of_a_killed_command_stop(initialised: Deployment) -> None:
    with background(initialised, "run", "--processes", "2") as command:
        await until_shared(command)
        children = children_of(command)
        os.kill(command.process.pid, signal.SIGKILL)

        async def gone() -> None:
            assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]

        await eventually(gone)


def is_free(port: int) -> bool:
    """Of those below 20,000, which nobody takes who takes any."""
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False


async def test_each_worker_listens_on_a_port_of_its_own(initialised: Deployment) -> None:
    port = next(port for port in range(os.getpid() % 5_000 + 10_000, 20_000, 2) if is_free(port) and is_free(port + 1))
    initialised.variables["HTTP_PORT"] = str(port)
    with background(initialised, "run", "--processes", "2") as command:
        await until_shared(command)
        lines = [json.loads(line) for line in command.log.read_text().splitlines()]
        assert {line["port"] for line in lines if line["event"] == "http_listening"} == {port, port + 1}
        assert command.stop() == 0
