"""Texts that users choose stay texts: in messages, headers, Postgres, the log and on an operator's terminal."""

import json
import re
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.e2e.commands import Ended, engage, workers
from tests.foreign import ForeignRecord, produce, read_topic
from tests.harness.deployment import Deployment
from tests.harness.temporary import Services, temporary_deployment

# What each name becomes: itself, but for control and bidirectional characters.
NAMES = {
    "{name.__class__.__init__.__globals__}": None,
    "{0}{name}{": None,
    "%s%(name)s%n": None,
    "$name ${name}": None,
    "{{7*7}} {% for %} <%= 7 %>": None,
    "<script>alert(1)</script> & &amp;": None,
    "'); DROP TABLE engagement.users; --": None,
    "Ann\r\nce_type: forged\r\n\r\n": "Annce_type: forged",
    "\x1b[31mred\x1b]0;title\x07\x9b2J": "[31mred]0;title2J",
    "\u202egnp.exe\u2066\u2069": "gnp.exe",
    "👩\u200d👩\u200d👧\u200d👦 🏳\ufe0f\u200d🌈": None,
    "😉" * 200: None,
    "a\u2028b": None,
    "\u05d0\u200f \u0645\u064e": None,
    "a" + "\u0301" * 100: None,
    '"\\u0000"\\': None,
}
IDS = [
    *(f"plain-{number}" for number in range(len(NAMES) - 5)),
    "'; DELETE FROM engagement.users; --",
    "{user_id}/../../etc/passwd",
    "%s\\x1b[0m",
    '{"user_id": "another"}',
    "\u202eüser\u2028",
]
TICK_ID = "'; DROP TABLE engagement.tick; -- {0} %s \u2028"


@pytest.fixture(scope="module")
async def played(services: Services) -> AsyncIterator[Deployment]:
    """All of them registered, and messaged at one tick."""
    variables = {"LOG_LEVEL": "debug", "LOG_MESSAGES_PER_CYCLE": "100", "LOG_USER_IDS": "plain"}
    async with temporary_deployment(services, "injection", partitions=1, variables=variables) as deployment:
        lines = [
            json.dumps(
                {"type": "user.registered", "user_id": user, "name": name, "occurred_at": "2026-11-01T10:00:00Z"}
            )
            for user, name in zip(IDS, NAMES, strict=True)
        ]
        for user, line in zip(IDS, lines, strict=True):
            produce(deployment.kafka, deployment.topic("activity"), line.encode(), key=user)
        for key in ("\x1b[2Jcleared\x07", "\u202etxt"):
            produce(deployment.kafka, deployment.topic("activity"), b"{", key=key, headers=[("\x1b[31mred", "\x1b[0m")])
        with workers(deployment):
            done = engage(deployment, "tick", "--id", TICK_ID, "--wait", "--json")
            assert (done.code, done.json["messages_sent"], done.json["tick_id"]) == (0, len(NAMES), TICK_ID)
        yield deployment


def messages(deployment: Deployment) -> list[ForeignRecord]:
    return read_topic(deployment.kafka, deployment.topic("messages"))


def test_names_stand_in_the_content_as_they_are_but_for_control_characters(played: Deployment) -> None:
    found = {
        json.loads(each.value or b"")["user_id"]: json.loads(each.value or b"")["content"] for each in messages(played)
    }
    expected = {
        user: f"Hey {cleaned or name}, we miss you! 😉"
        for user, (name, cleaned) in zip(IDS, NAMES.items(), strict=True)
    }
    assert found == expected


def test_headers_hold_no_text_of_a_user(played: Deployment) -> None:
    for each in messages(played):
        names = [name for name, _ in each.headers]
        assert names == ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "content-type"]
        text = b" ".join(value or b"" for _, value in each.headers)
        assert text.isascii()
        assert b"forged" not in text


async def test_ids_and_names_are_no_sql(played: Deployment) -> None:
    connection = await asyncpg.connect(played.dsn)
    try:
        assert await connection.fetchval("SELECT count(*) FROM engagement.users") == len(NAMES)
        assert await connection.fetchval("SELECT count(*) FROM engagement.tick WHERE tick_id = $1", TICK_ID) == 1
    finally:
        await connection.close()


def test_no_text_forges_a_line_of_the_log(played: Deployment) -> None:
    [log] = played.folder.glob("run-*.log")
    # What reads logs ends a line at the line feed.
    lines = [json.loads(line) for line in log.read_text().rstrip("\n").split("\n")]
    sent = [line["user"] for line in lines if line["event"] == "message_sent"]
    assert sorted(sent) == sorted(IDS)
    assert all("timestamp" in line and "level" in line for line in lines)


@pytest.mark.parametrize(
    "arguments",
    [
        ("notify", "--until-end"),
        ("notify", "--until-end", "--json"),
        ("dlq", "list"),
        ("dlq", "list", "--json"),
        ("cycles",),
        ("cycles", "--json"),
        ("user", IDS[-1]),
        ("user", "--json", IDS[-1]),
    ],
    ids=str,
)
def test_no_command_sends_what_a_terminal_obeys(played: Deployment, arguments: tuple[str, ...]) -> None:
    done = engage(played, *arguments)
    assert done.code == 0, done.stderr
    assert done.stdout
    assert not controls(done)


@pytest.mark.parametrize("arguments", [("tick", "--id", "\x1b[31mred\n"), ("user", "a\x9bb")])
def test_a_label_with_control_characters_is_refused(played: Deployment, arguments: tuple[str, ...]) -> None:
    done = engage(played, *arguments)
    assert done.code == 2
    assert not controls(done)


def controls(done: Ended) -> list[str]:
    """What of a command's output a terminal might obey: all but line ends and tabs, and marks that turn text around."""
    written = (done.stdout + done.stderr).replace("\n", "").replace("\t", "")
    return re.findall(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", written)
