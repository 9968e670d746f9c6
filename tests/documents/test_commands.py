"""What the documents tell people to type works, in the order in which they tell it."""

import json
import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from deploy.local.ports import free_port
from tests.conditions import until
from tests.foreign import read_topic
from tests.harness.deployment import ROOT
from tests.harness.group import committed_offsets

SECONDS = 240.0
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# These run until they are stopped: in the documents each has a terminal of its own.
_FOR_EVER = re.compile(r"^(engage (?:run|ticker)\b[^&#\n]*?)\s*(#.*)?$", re.MULTILINE)
_MAKE = re.compile(r"^make (\w[\w-]*)", re.MULTILINE)
OWN_SERVICES = ("kafka:9092", "postgresql://engine:secret@postgres/engagement")


def blocks(document: str, language: str = "sh") -> list[str]:
    """The blocks of that language in a document, in order."""
    return [text for found, text in _BLOCK.findall((ROOT / document).read_text()) if found == language]


@pytest.fixture(scope="module")
def platform() -> Iterator[dict[str, str]]:
    """The Kafka and Postgres that README says how to start, as the variables that it prints."""
    [command] = [block for block in blocks("README.md") if "deploy.local" in block]
    process = subprocess.Popen(
        ["bash", "-ec", command.replace("make install &&", "exec")],
        cwd=ROOT,
        env=_environment({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    watchdog = threading.Timer(SECONDS, process.kill)
    watchdog.start()
    exports: dict[str, str] = {}
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("export "):
                name, _, value = shlex.split(line)[1].partition("=")
                exports[name] = value
            if len(exports) == 2:
                break
        assert len(exports) == 2, exports
        watchdog.cancel()
        yield exports
    finally:
        watchdog.cancel()
        process.send_signal(signal.SIGINT)
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()


def test_a_newcomer_gets_from_nothing_to_messages(platform: dict[str, str]) -> None:
    _demo, _test, _platform, first, crowd, _docker, _own = blocks("README.md")
    before, looking, state = blocks("docs/operations.md")
    [asking] = blocks("docs/http.md")
    [kcat] = blocks("docs/notification-service.md")
    script = first + before + asking + looking + state + kcat + crowd
    # Another worker of this machine may have the usual port.
    port = free_port()
    assert "localhost:8080/" in script
    script = script.replace("localhost:8080/", f"localhost:{port}/")
    done = bash(script, platform | {"ENGAGEMENT_HTTP_PORT": str(port)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "12  Hey Ghost Gary, we miss you! 😉  (dormant)" in done.stdout
    assert '"tick_id":"by hand"' in done.stdout, "asked over HTTP"
    assert "ce_id=" in done.stdout, "kcat shows the headers"
    assert "sent" in done.stdout, "the message log"


async def test_a_notification_service_as_it_is_told_gets_each_message_once(
    platform: dict[str, str], tmp_path: Path
) -> None:
    [service] = blocks("docs/notification-service.md", "python")
    kafka = platform["ENGAGEMENT_KAFKA_BOOTSTRAP_SERVERS"]
    messages = read_topic(kafka, "engagement-messages")
    ids = [json.loads(record.value or b"")["message_id"] for record in messages]
    ends = {record.partition: record.offset + 1 for record in messages}
    assert ids, "the commands before have led to messages"
    # The second one is another group, so that it reads everything again, with the inbox of the first.
    for group in ("notifications", "again"):
        source = service.replace('group_id="notifications"', f'group_id="{group}"')
        with running(source, {"KAFKA_BOOTSTRAP_SERVERS": kafka}, tmp_path):

            async def all_read(group: str = group) -> bool:
                committed = await committed_offsets(kafka, group)
                return all(committed.get(partition, 0) >= end for partition, end in ends.items())

            await until(all_read, SECONDS)
    delivered = (tmp_path / "delivered").read_text().splitlines()
    assert len(delivered) == len(ids)
    assert "12 Hey Ghost Gary, we miss you! 😉" in delivered
    with closing(sqlite3.connect(tmp_path / "inbox.sqlite")) as inbox:
        assert sorted(ids) == sorted(row[0] for row in inbox.execute("SELECT message_id FROM delivered"))


def test_the_way_to_ones_own_services_works(platform: dict[str, str], tmp_path: Path) -> None:
    [text] = [block for block in blocks("README.md") if OWN_SERVICES[0] in block]
    for placeholder, real in zip(OWN_SERVICES, platform.values(), strict=True):
        assert text.count(placeholder) == 1
        text = text.replace(placeholder, shlex.quote(real))
    log = shlex.quote(str(tmp_path / "log"))
    started = f"until grep -q shard_taken_over {log}; do sleep 0.1; done\nkill $(jobs -p)\nwait\n"
    done = bash(_FOR_EVER.sub(rf"\1 2>>{log} &", text) + started, {"ENGAGEMENT_HTTP_PORT": "0"})
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_target_that_is_named_exists() -> None:
    documents = [
        "README.md",
        "ARCHITECTURE.md",
        *(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")),
    ]
    named = {target for name in documents for block in blocks(name) for target in _MAKE.findall(block)}
    for target in named:
        subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True, timeout=SECONDS)
    assert {"demo", "test"} <= named


def bash(script: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The script, in a shell that ends at the first command that fails."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        env=_environment(variables) | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@contextmanager
def running(source: str, variables: dict[str, str], folder: Path) -> Iterator[None]:
    """The program, what it prints at the end of the file ``delivered``; killed afterwards."""
    with (folder / "delivered").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", source], cwd=folder, env=_environment(variables), stdout=output
        )
        try:
            yield
        finally:
            process.kill()
            process.wait()


def _environment(variables: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ENGAGEMENT_", "ENGAGE_"))}
    return kept | variables
