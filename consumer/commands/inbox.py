"""What a consumer of messages has received: each message once, also when it comes again or the consumer restarts."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Message = Mapping[str, Any]
"""A message as it is published."""

_FIRST_BYTES = b'{"message_id":'


class Inbox:
    """Tells new messages from repeats by their id. It remembers every id, about a hundred bytes each."""

    def __init__(self) -> None:
        self._ids: set[str] = set()

    def accepts(self, message: Message) -> bool:
        """Whether the message, which has an id, is a new one; from now on it is not."""
        message_id = message["message_id"]
        if message_id in self._ids:
            return False
        self._ids.add(message_id)
        return True


class InboxFile:
    """A file of JSON lines, one a message."""

    def __init__(self, path: Path, inbox: Inbox) -> None:
        """Open or create the file, and let the inbox know the messages that are in it. Raises OSError, ValueError."""
        self._file = path.open("a+b")
        try:
            self._file.seek(0)
            self._file.truncate(self._read(inbox))
        except BaseException:
            self._file.close()
            raise

    def append(self, message: Message) -> None:
        """Add the message; the operating system has it on return."""
        self._file.write(json.dumps(message, ensure_ascii=False).encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _read(self, inbox: Inbox) -> int:
        """How many bytes are whole lines."""
        whole = 0
        for line in self._file:
            if line.endswith(b"\n"):
                inbox.accepts(_message(line))
                whole += len(line)
            elif not line.startswith(_FIRST_BYTES[: len(line)]):
                raise ValueError("its last line is not the beginning of a message")
            # A writer that was killed left that beginning behind. It is cut off: the message comes again, whole.
        return whole


def _message(line: bytes) -> Message:
    message = json.loads(line)
    if isinstance(message, dict) and isinstance(message.get("message_id"), str):
        return message
    raise ValueError("a line of it is not a message")
