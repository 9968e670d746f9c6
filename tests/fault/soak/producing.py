"""The producer of a soak: what it sends it sends until Kafka acknowledges it, and every attempt is recorded."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from adapters.kafka.discard import discard_producer
from tests.fault.soak.checker.history import Operation, Recorder
from tests.fault.soak.load import Record, marked

_REQUEST_MS = 5_000
# aiokafka repeats a batch without an end while no leader can be found.
_GIVE_UP_SECONDS = 12.0
_PAUSE_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class _Attempt:
    key: bytes | None
    value: bytes
    invoked: float
    sent: "asyncio.Future[Any]"


class RecordedProducer:
    """Idempotent, acks=all, for one topic; to be used as an asynchronous context.

    Each call returns once all is acknowledged. An error leaves it open whether Kafka has the records: they are sent
    again by a new client, each with another value that says the same.
    """

    def __init__(self, bootstrap_servers: str, recorder: Recorder) -> None:
        self.unknown = 0
        """How many attempts nobody knows the outcome of."""
        self.ends: dict[int, int] = {}
        """By partition, the offset after the last one that was acknowledged, of the topic that it produces to."""
        self._servers = bootstrap_servers
        self._recorder = recorder
        self._producer: AIOKafkaProducer | None = None
        self._number = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._discard()

    async def activity(self, topic: str, records: Sequence[Record]) -> None:
        """Records of the activity topic, each marked with a number of its own."""
        await self._until_acknowledged("activity", topic, records)

    async def tick(self, topic: str, value: bytes) -> float:
        """A tick; returns the moment before the attempt that was acknowledged, or an earlier one that may have been."""
        return await self._until_acknowledged("tick", topic, [(b"", value)])

    async def _until_acknowledged(
        self, kind: Literal["activity", "tick"], topic: str, records: Sequence[Record]
    ) -> float:
        first = time.monotonic()
        left = list(records)
        while left:
            left = await self._try(kind, topic, left)
            if left:
                await self._discard()
                await asyncio.sleep(_PAUSE_SECONDS)
        return first

    async def _try(self, kind: Literal["activity", "tick"], topic: str, records: Sequence[Record]) -> list[Record]:
        """Send them once; returns those of which it is not known that they arrived."""
        attempts: list[_Attempt] = []
        try:
            async with asyncio.timeout(_GIVE_UP_SECONDS):
                producer = await self._started()
                for record in records:
                    await self._send(producer, topic, record, attempts)
                await asyncio.wait([attempt.sent for attempt in attempts])
        except (KafkaError, TimeoutError, OSError):
            pass  # the attempts say what became of each record
        known = [self._note(kind, topic, attempt) for attempt in attempts]
        sent = [record for record, acknowledged in zip(records, known, strict=False) if not acknowledged]
        return sent + list(records[len(attempts) :])

    async def _send(self, producer: AIOKafkaProducer, topic: str, record: Record, attempts: list[_Attempt]) -> None:
        """Add the attempt, which may not be over yet."""
        self._number += 1
        key, value = record[0] or None, marked(record[1], self._number)
        invoked = time.monotonic()
        attempts.append(_Attempt(key, value, invoked, await producer.send(topic, value, key=key)))

    def _note(self, kind: Literal["activity", "tick"], topic: str, attempt: _Attempt) -> bool:
        """Record what became of it; whether it was acknowledged."""
        sent = attempt.sent
        now = time.monotonic()
        if sent.done() and not sent.cancelled() and sent.exception() is None:
            partition, offset = sent.result().partition, sent.result().offset
            self.ends[partition] = max(self.ends.get(partition, 0), offset + 1)
            self._recorder.note(
                Operation(kind, attempt.invoked, now, "ok", topic, partition, offset, attempt.key, attempt.value)
            )
            return True
        self.unknown += 1
        self._recorder.note(
            Operation(kind, attempt.invoked, now, "unknown", topic, None, None, attempt.key, attempt.value)
        )
        return False

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            self._producer = AIOKafkaProducer(
                bootstrap_servers=self._servers,
                acks="all",
                enable_idempotence=True,
                linger_ms=5,
                request_timeout_ms=_REQUEST_MS,
                metadata_max_age_ms=5_000,
            )
            await self._producer.start()
        return self._producer

    async def _discard(self) -> None:
        """What is still under way may arrive or not; nothing waits for it."""
        if self._producer is not None:
            producer, self._producer = self._producer, None
            with suppress(KafkaError, TimeoutError, OSError):
                await discard_producer(producer)
