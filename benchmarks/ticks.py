"""How long a tick takes over half a million users, of whom nobody, a few or everybody is due."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from rich.progress import Progress as ProgressBar

from benchmarks.contestants import Engine, Scene
from benchmarks.ingest import WrongStateError, database, run_until
from benchmarks.meters import Cpu, peak_memory_mb
from benchmarks.results import TickRun
from benchmarks.services import Services
from benchmarks.streams import PARTITIONS, Stream

_LOOK_SECONDS = 0.01
_TICK_SECONDS = 300.0
_THRESHOLD = timedelta(hours=1)
_SETTINGS = {"INACTIVITY_THRESHOLD_SECONDS": "3600", "MESSAGE_FREQUENCY_HOURS": "24"}
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Case:
    """A tick at a time at which so many users are due."""

    name: str
    at: datetime
    due: int


async def measure_ticks(services: Services, stream: Stream, cases: Sequence[Case], rounds: int) -> list[TickRun]:
    """Each round takes the stream in, and then a tick for each case. Raises WrongStateError."""
    topic = f"activity-ticks-{stream.name}"
    runs: list[TickRun] = []
    with ProgressBar() as bar:
        task = bar.add_task(f"{stream.name}: writing {stream.events:,} events", total=rounds)
        await stream.load(services.kafka, topic)
        for number in range(rounds):
            bar.update(task, description=f"{stream.users:,} users, round {number + 1}")
            name = f"ticks-{stream.name}-{number}"
            async with database(services, name) as dsn:
                scene = Scene(services, topic, dsn, name)
                async with run_until(Engine(settings=_SETTINGS), scene, stream.events) as pid, _watch(scene) as watch:
                    # The first tick of all looks at everybody, to note the thresholds.
                    await _run(_first(stream), number, scene, watch, pid, stream)
                    runs += [await _run(case, number, scene, watch, pid, stream) for case in cases]
            bar.advance(task)
    return runs


def _first(stream: Stream) -> Case:
    return Case("the first tick", min(stream.last_active().values()) - _MICROSECOND, 0)


def cases(stream: Stream, few: int) -> Sequence[Case]:
    """In the order of their times: nobody, a few, and everybody, those few among them, since two days have passed."""
    last = sorted(stream.last_active().values())
    return (
        Case("nobody is due", last[0] + _THRESHOLD, 0),
        Case(f"{few:,} are due", last[few - 1] + _THRESHOLD + _MICROSECOND, few),
        Case("everybody is due", last[-1] + timedelta(days=2), stream.users),
    )


class _Watch:
    """The topics of messages and cycles, as far as they are committed."""

    def __init__(self, scene: Scene, producer: AIOKafkaProducer, consumer: AIOKafkaConsumer) -> None:
        self._scene = scene
        self._producer = producer
        self._consumer = consumer
        self._messages = [TopicPartition(f"{scene.name}-message", number) for number in range(PARTITIONS)]
        self._cycles = [TopicPartition(f"{scene.name}-cycle", 0)]

    async def ends(self) -> tuple[int, int]:
        """How far messages and cycles are visible: offsets, which transaction markers have too."""
        offsets = await self._consumer.end_offsets([*self._messages, *self._cycles])
        return sum(offsets[tp] for tp in self._messages), sum(offsets[tp] for tp in self._cycles)

    async def produce(self, at: datetime) -> None:
        """A tick."""
        value = msgspec.json.encode({"type": "engagement.tick", "at": at})
        await self._producer.send_and_wait(f"{self._scene.name}-tick", value)

    async def messages_of(self, at: datetime) -> int:
        """How many users got a message at that tick, read record by record. Raises WrongStateError for repeats."""
        self._consumer.assign(self._messages)
        await self._consumer.seek_to_beginning(*self._messages)
        ends = await self._consumer.end_offsets(self._messages)
        found: Counter[str] = Counter()
        decode = msgspec.json.Decoder(_Message).decode
        while any([await self._consumer.position(tp) < end for tp, end in ends.items()]):
            for records in (await self._consumer.getmany(timeout_ms=200)).values():
                messages = (decode(record.value) for record in records)
                found.update(message.user_id for message in messages if message.decided_at == at)
        if found and max(found.values()) > 1:
            raise WrongStateError(f"{self._scene.name}: a user has several messages of one tick")
        return len(found)


class _Message(msgspec.Struct):
    user_id: str
    decided_at: datetime


async def _run(case: Case, number: int, scene: Scene, watch: _Watch, pid: int, stream: Stream) -> TickRun:
    pids = pid, scene.services.broker_pid, scene.services.postgres_pid
    before, cycles = await watch.ends()
    seen: list[tuple[float, int]] = []
    used = Cpu.read(*pids)
    produced = time.monotonic()
    await watch.produce(case.at)
    async with asyncio.timeout(_TICK_SECONDS):
        while True:
            messages, ended = await watch.ends()
            seen.append((time.monotonic() - produced, messages))
            if ended > cycles:
                break
            await asyncio.sleep(_LOOK_SECONDS)
    used = Cpu.read(*pids).since(used)
    # The record of a cycle comes after its messages, so this is where they ended.
    final = seen[-1][1]
    found = await watch.messages_of(case.at)
    if found != case.due:
        raise WrongStateError(f"{scene.name}: {found:,} messages instead of {case.due:,} where {case.name}")
    return TickRun(
        round=number,
        case=case.name,
        users=stream.users,
        due=case.due,
        first_message=next((seconds for seconds, end in seen if end > before), None),
        last_message=next((seconds for seconds, end in seen if end == final), None) if case.due else None,
        cycle=seen[-1][0],
        cpu=used,
        peak_memory_mb=peak_memory_mb(pid),
    )


@asynccontextmanager
async def _watch(scene: Scene) -> AsyncIterator[_Watch]:
    kafka = scene.services.kafka
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka,
        isolation_level="read_committed",
        enable_auto_commit=False,
        max_partition_fetch_bytes=2**23,
    )
    await producer.start()
    await consumer.start()
    try:
        yield _Watch(scene, producer, consumer)
    finally:
        await consumer.stop()
        await producer.stop()
