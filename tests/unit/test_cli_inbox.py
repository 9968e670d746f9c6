"""What the example notification service has received: each message once."""

from pathlib import Path

import pytest

from consumer.commands.inbox import Inbox, InboxFile


def received(path: Path, *message_ids: str) -> None:
    """One run of the service: it is offered these messages, and then stops."""
    inbox = Inbox()
    file = InboxFile(path, inbox)
    for message_id in message_ids:
        if inbox.accepts({"message_id": message_id}):
            file.append({"message_id": message_id, "content": "Hi Ünal 😉"})
    file.close()


def lines(*message_ids: str) -> str:
    return "".join(f'{{"message_id": "{message_id}", "content": "Hi Ünal 😉"}}\n' for message_id in message_ids)


def test_a_repeat_is_dropped() -> None:
    inbox = Inbox()
    assert inbox.accepts({"message_id": "a"})
    assert inbox.accepts({"message_id": "b"})
    assert not inbox.accepts({"message_id": "a"})


def test_a_restart_adds_only_what_the_file_does_not_hold(tmp_path: Path) -> None:
    path = tmp_path / "messages.jsonl"
    received(path, "a", "b", "a")
    received(path, "a", "b", "c")
    assert path.read_text() == lines("a", "b", "c")


def test_half_a_line_of_a_killed_service_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "messages.jsonl"
    path.write_text((lines("a", "b"))[:-5])
    received(path, "a", "b")
    assert path.read_text() == lines("a", "b")


def test_a_message_is_in_the_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "messages.jsonl"
    file = InboxFile(path, Inbox())
    file.append({"message_id": "a"})
    assert path.read_text() == '{"message_id": "a"}\n'
    file.close()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Dear all,\nfarewell", "Expecting value"),
        ("Dear all", "not the beginning of a message"),
        ('{"user_id": "12"}\n', "not a message"),
        ("[1]\n", "not a message"),
    ],
)
def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "letter.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=problem):
        InboxFile(path, Inbox())
    assert path.read_text() == text
