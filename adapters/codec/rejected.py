"""Dead letters, read back: why each was rejected, and the record as it came in."""

import re
from dataclasses import dataclass

from domain.records import InputRecord

_PREFIX = "engagement.error."
_FACTS = tuple(_PREFIX + name for name in ("reason", "detail", "topic", "partition", "offset", "timestamp"))
# Where the topic had no room for all of it; the length is that of the value, where there was one.
_FACTS_IF_CUT = (*_FACTS, _PREFIX + "truncated")
_FACTS_IF_VALUE_CUT = (*_FACTS_IF_CUT, _PREFIX + "length")
# Kafka's numbers have 64 bits; int() would also take spaces, underscores and other digits.
_NUMBER = re.compile(rb"-?[0-9]{1,19}")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A rejected record: as it is ``stored`` in the dead-letter topic, and as it came in (``original``).

    ``truncated``: the topic had no room for all of it, and the original lacks the rest; ``length`` is how many bytes
    its value had then, None where there was no value.
    """

    stored: InputRecord
    original: InputRecord
    reason: str
    detail: str
    truncated: bool = False
    length: int | None = None


def read_dead_letter(stored: InputRecord) -> DeadLetter | None:
    """The dead letter that a record of the dead-letter topic is; None for what somebody else has put there.

    The engine's headers are the last ones. Those of the same names before them came with the record.
    """
    for names in (_FACTS, _FACTS_IF_CUT, _FACTS_IF_VALUE_CUT):
        added = stored.headers[-len(names) :]
        if tuple(name for name, _ in added) == names:
            try:
                return _read(stored, [value or b"" for _, value in added])
            except ValueError:
                return None
    return None


def _read(stored: InputRecord, added: list[bytes]) -> DeadLetter:
    """What the values of the engine's headers say. Raises ValueError when they are not the engine's."""
    reason, detail, topic = (_text(value) for value in added[:3])
    partition, offset, timestamp = (_number(value) for value in added[3:6])
    if partition < 0 or offset < 0:
        raise ValueError("no place in a topic")
    came_with_it = stored.headers[: -len(added)]
    original = InputRecord(topic, partition, offset, timestamp, stored.key, stored.value, came_with_it)
    length = _number(added[7]) if len(added) == len(_FACTS_IF_VALUE_CUT) else None
    return DeadLetter(stored, original, reason, detail, len(added) > len(_FACTS), length)


def _text(value: bytes) -> str:
    if not value:
        raise ValueError("the text is empty")
    return value.decode()


def _number(value: bytes) -> int:
    if not _NUMBER.fullmatch(value):
        raise ValueError("no number")
    return int(value)
