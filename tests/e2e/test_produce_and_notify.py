"""`engage produce` and `engage notify`."""

import errno
import json
import os
import pty
import subprocess

import pytest

from tests.conditions import eventually
from tests.e2e.commands import COMMAND_SECONDS, ENGAGE, background, engage, workers
from tests.foreign import ForeignRecord, read_topic
from tests.harness.deployment import Deployment

EVENT = '{"type": "user.active", "user_id": "%s", "occurred_at": "2026-11-17T10:00:00Z", "event_id": %d}'


def activity(deployment: Deployment) -> list[ForeignRecord]:
    return read_topic(deployment.kafka, deployment.topic("activity"))


def test_events_of_a_user_a_crowd_and_a_file(initialised: Deployment) -> None:
    one = engage(initialised, "produce", "--user-id", "12", "--name", "Ghost Gary", "--at", "2026-10-01T08:00:00Z")
    assert (one.code, one.stdout) == (0, "Produced 1 event.\n")
    [record] = activity(initialised)
    assert record.key == b"12"
    assert json.loads(record.value or b"") == {
        "type": "user.registered",
        "user_id": "12",
        "name": "Ghost Gary",
        "occurred_at": "2026-10-01T08:00:00.000000Z",
    }

    lines = [EVENT % (user, number) for number, user in enumerate(["a", "b", "a"])]
    piped = engage(initialised, "produce", "--file", "-", "--json", stdin="\n".join(lines))
    assert (piped.code, piped.json) == (0, {"produced": 3})
    assert {(record.value or b"").decode() for record in activity(initialised)} >= set(lines), "lines go as they are"

    crowd = ["produce", "--crowd", "20", "--seed", "7", "--at", "2026-11-20T00:00:00Z", "--rate", "500", "--json"]
    before = len(activity(initialised))
    produced = engage(initialised, *crowd).json["produced"]
    first = [record.value for record in activity(initialised)]
    assert len(first) == before + produced
    assert engage(initialised, *crowd).json["produced"] == produced
    assert {record.value for record in activity(initialised)} == set(first), "the same seed, the same events"
    assert all(record.key == json.loads(record.value or b"")["user_id"].encode() for record in activity(initialised))


def test_a_bad_line_ends_it_with_2_and_is_named(initialised: Deployment) -> None:
    done = engage(initialised, "produce", "--file", "-", stdin=EVENT % ("a", 1) + "\n{}\n")
    assert done.code == 2
    assert "-, line 2: type: is missing." in done.stderr


async def test_a_notification_service_gets_each_message_once_across_restarts(initialised: Deployment) -> None:
    file = initialised.folder / "messages.jsonl"
    notify = ("notify", "--file", str(file))

    async def received(number: int) -> None:
        assert file.exists()
        assert len(file.read_text().splitlines()) == number

    with workers(initialised):
        engage(initialised, "produce", "--crowd", "3", "--at", "2026-11-01T00:00:00Z")
        with background(initialised, *notify) as service:
            assert engage(initialised, "tick", "--wait", "--at", "2026-11-10T00:00:00Z").code == 0
            await eventually(lambda: received(3))
            assert service.stop() == 0

        # It was away for the second round, and it is killed in the third.
        assert engage(initialised, "tick", "--wait", "--at", "2026-11-12T00:00:00Z").code == 0
        with background(initialised, *notify) as service:
            await eventually(lambda: received(6))
            assert engage(initialised, "tick", "--wait", "--at", "2026-11-14T00:00:00Z").code == 0
            await eventually(lambda: received(9))
            service.process.kill()
            service.process.wait()

    whole = file.read_text()
    file.write_text(whole[:-20])  # as if it had been killed in the middle of a line
    assert engage(initialised, *notify, "--until-end").code == 0
    assert sorted(file.read_text().splitlines()) == sorted(whole.splitlines())
    published = {
        (record.value or b"").decode() for record in read_topic(initialised.kafka, initialised.topic("messages"))
    }
    assert {json.dumps(json.loads(line)) for line in whole.splitlines()} == {
        json.dumps(json.loads(value)) for value in published
    }
    assert engage(initialised, "notify", "--from", "end", "--until-end").stdout == ""


@pytest.mark.parametrize("source", ["crowd", "file"])
def test_a_terminal_is_shown_how_far_it_is(initialised: Deployment, source: str) -> None:
    lines = initialised.folder / "events.jsonl"
    lines.write_text("\n".join(EVENT % ("a", number) for number in range(3_000)))
    arguments = ["--crowd", "150"] if source == "crowd" else ["--file", str(lines)]
    terminal, stderr = pty.openpty()
    with subprocess.Popen(
        [ENGAGE, "produce", *arguments, "--json"],
        cwd=initialised.folder,
        env=initialised.environment | {"TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=stderr,
    ) as process:
        os.close(stderr)
        shown = read_terminal(terminal)
        stdout, _ = process.communicate(timeout=COMMAND_SECONDS)
    assert process.returncode == 0, shown
    assert json.loads(stdout)["produced"] > 1_000, "data and bar don't mix"
    assert "produce" in shown
    assert "100%" in shown


def read_terminal(terminal: int) -> str:
    """What a terminal is shown until everybody on its other side has closed it."""
    shown = b""
    with os.fdopen(terminal, "rb", buffering=0) as output:
        try:
            while part := output.read(65_536):
                shown += part
        except OSError as end:
            # Linux tells the end of a terminal this way.
            if end.errno != errno.EIO:
                raise
    return shown.decode()
