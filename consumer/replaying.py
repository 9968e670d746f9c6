"""Sending dead letters back to where they came from, once each, whoever is killed and whoever else does the same.

1. Start the producer of replays, which fences every other and ends what they left open; read the marks of what was
   replayed. Crash after: nothing was sent.
2. In one transaction, send some letters and their marks. Crash after: Kafka aborts, and they are not marked.
3. Commit. Crash after: they are marked, and a repetition leaves them out.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Container, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from adapters.codec.rejected import DeadLetter
from adapters.kafka.replay import KafkaReplay, mark_of
from domain.records import OutgoingRecord

# What one transaction holds at most, but for a single larger letter: it must be sent within the time of a call (10 s),
# and readers of the topics wait for its end.
MOST_LETTERS = 500
MOST_BYTES = 4 * 1024 * 1024

Reached = Callable[[int], None]
"""Hears of each step that is done, by its number."""
Letters = AsyncIterator[DeadLetter]


class Obstacle(StrEnum):
    """Why a dead letter can't be sent back."""

    TRUNCATED = "truncated"
    OTHER_TOPIC = "other_topic"
    NO_PARTITION = "no_partition"


@dataclass(slots=True)
class Tally:
    """What became of the selected dead letters: how many, by kind."""

    replayed: int = 0
    already_replayed: int = 0
    not_replayable: Counter[Obstacle] = field(default_factory=Counter)

    @property
    def selected(self) -> int:
        """How many there were."""
        return self.replayed + self.already_replayed + self.not_replayable.total()

    @property
    def in_vain(self) -> bool:
        """Whether there was something to do, and none of it could be done."""
        return bool(self.not_replayable) and not self.replayed + self.already_replayed


@dataclass(frozen=True, slots=True)
class Inputs:
    """The two input topics with their numbers of partitions, 0 for one that is missing."""

    partitions: Mapping[str, int]

    def obstacle(self, letter: DeadLetter) -> Obstacle | None:
        """What keeps the letter from being sent back; None where nothing does."""
        if letter.truncated:
            return Obstacle.TRUNCATED
        if letter.original.topic not in self.partitions:
            return Obstacle.OTHER_TOPIC
        if letter.original.partition >= self.partitions[letter.original.topic]:
            return Obstacle.NO_PARTITION
        return None


class Replaying:
    """Sorts dead letters into those that can be sent back and those that can't, and counts both in ``tally``."""

    def __init__(self, inputs: Inputs, reached: Reached = lambda _: None) -> None:
        self.tally = Tally()
        self._inputs = inputs
        self._reached = reached

    async def foresee(self, letters: Letters, replayed: Container[bytes]) -> None:
        """Count what ``replay`` would do, given the marks; nothing is sent."""
        async for letter in letters:
            if self._sendable(letter, mark_of(letter.stored), replayed):
                self.tally.replayed += 1

    async def replay(self, letters: Letters, replay: KafkaReplay) -> None:
        """Send the letters back. Safe to repeat after any error and any crash.

        The tally tells at any time what is committed. Raises OwnershipLostError when another replay was started;
        TransientError; MisconfiguredError for what a topic does not accept.
        """
        self._reached(1)
        waiting: dict[bytes, DeadLetter] = {}
        size = 0
        async for letter in letters:
            mark = mark_of(letter.stored)
            if not self._sendable(letter, mark, replay.replayed):
                continue
            if waiting and (len(waiting) == MOST_LETTERS or size + _size(letter) > MOST_BYTES):
                await self._send(waiting, replay)
                waiting, size = {}, 0
            waiting[mark] = letter
            size += _size(letter)
        await self._send(waiting, replay)

    async def _send(self, letters: Mapping[bytes, DeadLetter], replay: KafkaReplay) -> None:
        """Send these in one transaction, by their marks."""
        await replay.start_if_needed()
        # A new producer has read the marks anew: another replay may have come in between.
        records = {mark: sent_back(letter) for mark, letter in letters.items() if self._is_new(mark, replay.replayed)}
        if not records:
            return
        await replay.send(records)
        self._reached(2)
        await replay.commit()
        self._reached(3)
        self.tally.replayed += len(records)

    def _sendable(self, letter: DeadLetter, mark: bytes, replayed: Container[bytes]) -> bool:
        obstacle = self._inputs.obstacle(letter)
        if obstacle is not None:
            self.tally.not_replayable[obstacle] += 1
            return False
        return self._is_new(mark, replayed)

    def _is_new(self, mark: bytes, replayed: Container[bytes]) -> bool:
        if mark in replayed:
            self.tally.already_replayed += 1
            return False
        return True


def sent_back(letter: DeadLetter) -> OutgoingRecord:
    """The record as it came in, to its topic and partition, with the time of sending."""
    original = letter.original
    return OutgoingRecord(original.topic, original.key, original.value, original.headers, partition=original.partition)


def _size(letter: DeadLetter) -> int:
    original = letter.original
    headers = sum(len(name) + len(value or b"") for name, value in original.headers)
    return len(original.key or b"") + len(original.value or b"") + headers
