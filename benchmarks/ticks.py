"""How long a tick takes over half a million users, of whom nobody, a few or everybody is due."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from rich.progress import Progress as ProgressBar

from benchmarks.arrivals import Arrivals, record_arrivals, until
from benchmarks.contestants.contestant import Evaluates, Scene
from benchmarks.ingest import WrongStateError, database, in_turn, run_until
from benchmarks.meters import Cpu, peak_memory_mb
from benchmarks.results import TickRun
from benchmarks.services import Services
from benchmarks.streams import Stream
from benchmarks.topics import committed_reader, committed_records, partitions_of

# How often is looked: at least so much time lies between two looks, and at least this share of what has passed.
_LOOK_SECONDS, _LOOK_SHARE = 0.003, 0.01
_TICK_SECONDS = 300.0
_SETTLED_SECONDS = 60.0
THRESHOLD = timedelta(hours=1)
"""After so long without activity a user is due."""
THRESHOLDS = {"INACTIVITY_THRESHOLD_SECONDS": "3600", "MESSAGE_FREQUENCY_HOURS": "24"}
"""Settings of the engine; the peers have the same thresholds."""
_MICROSECOND = timedelta(microseconds=1)
FIRST_DUE = 80
"""So many users get a message before ticks are measured, in so many ticks:"""
_WARM_UPS = 20


@dataclass(frozen=True, slots=True)
class Case:
    """A tick at a time at which so many users are due."""

    name: str
    at: datetime
    due: int


async def measure_ticks(
    services: Services, stream: Stream, cases: Sequence[Case], contestants: Sequence[Evaluates], rounds: int
) -> list[TickRun]:
    """In each round, each contestant takes the stream in, and then a tick for each case. Raises WrongStateError."""
    topic = f"activity-ticks-{stream.name}"
    runs: list[TickRun] = []
    with ProgressBar() as bar:
        task = bar.add_task(f"{stream.name}: writing {stream.events:,} events", total=rounds * len(contestants))
        await stream.load(services.kafka, topic)
        for number, contestant in in_turn(contestants, rounds):
            bar.update(task, description=f"{stream.users:,} users, round {number + 1}: {contestant.name}")
            name = f"ticks-{stream.name}-{number}-{contestants.index(contestant)}"
            async with database(services, name) as dsn:
                scene = Scene(services, topic, dsn, name)
                async with warmed_up(contestant, scene, stream) as (pid, watch):
                    runs += [await run_tick(contestant, case, number, scene, watch, pid, stream) for case in cases]
            bar.advance(task)
    return runs


@asynccontextmanager
async def warmed_up(contestant: Evaluates, scene: Scene, stream: Stream) -> AsyncIterator[tuple[int, "Watch"]]:
    """The pid of one that has taken the stream in, and the first ticks, and what tells how far it is.

    Raises WrongStateError.
    """
    async with run_until(contestant, scene, stream.events) as pid, watching(contestant, scene) as watch:
        for case in warm_up(stream):
            await run_tick(contestant, case, 0, scene, watch, pid, stream)
        yield pid, watch


@cache
def warm_up(stream: Stream) -> Sequence[Case]:
    """Ticks that make of a new process one that ran for a while: connections, statements, producers, compiled code."""
    last = sorted(stream.last_active().values())
    each = FIRST_DUE // _WARM_UPS
    ends = range(each, FIRST_DUE + 1, each)
    return [Case("warming up", last[end - 1] + THRESHOLD + _MICROSECOND, each) for end in ends]


def cases(stream: Stream, few: int) -> Sequence[Case]:
    """In the order of their times: nobody, a few, and everybody, also those who got a message two days before."""
    last = sorted(stream.last_active().values())
    return (
        Case("nobody is due", last[FIRST_DUE] + THRESHOLD, 0),
        Case(f"{few:,} are due", last[FIRST_DUE + few - 1] + THRESHOLD + _MICROSECOND, few),
        everybody(stream),
    )


def everybody(stream: Stream) -> Case:
    """All are due, also those who got a message at any tick before."""
    return Case("everybody is due", max(stream.last_active().values()) + timedelta(days=2), stream.users)


@dataclass(frozen=True, slots=True)
class Watch:
    """The topic of the messages, as far as it is committed, and the ends of ticks."""

    kafka: str
    ended: Arrivals
    messages: Arrivals
    partitions: Sequence[TopicPartition]
    ticks: Sequence[TopicPartition]
    producer: AIOKafkaProducer
    asking: AIOKafkaConsumer
    asking_for_all: AIOKafkaConsumer

    async def settled(self) -> bool:
        """Whether all transactions have ended: one ends in one partition after the other, and its offsets between."""
        written = await self.asking_for_all.end_offsets(self.partitions)
        return bool(await self.asking.end_offsets(self.partitions) == written)

    async def visible(self) -> int:
        """How far messages can be read: offsets, which transaction markers have too."""
        return sum((await self.asking.end_offsets(self.partitions)).values())

    async def produce(self, at: datetime) -> None:
        """A tick."""
        value = msgspec.json.encode({"type": "engagement.tick", "at": at})
        for tp in self.ticks:
            await self.producer.send_and_wait(tp.topic, value, partition=tp.partition)

    async def messages_of(self, at: datetime) -> int:
        """How many users got a message at that tick, read record by record. Raises WrongStateError for repeats."""
        found: Counter[str] = Counter()
        decode = msgspec.json.Decoder(_Message).decode
        async for records in committed_records(self.kafka, self.partitions):
            messages = (decode(record.value) for record in records)
            found.update(message.user_id for message in messages if message.decided_at == at)
        if found and max(found.values()) > 1:
            raise WrongStateError(f"a user has several messages in {self.partitions[0].topic}")
        return len(found)


class _Message(msgspec.Struct):
    user_id: str
    decided_at: datetime


async def run_tick(
    contestant: Evaluates, case: Case, number: int, scene: Scene, watch: Watch, pid: int, stream: Stream
) -> TickRun:
    """A tick, from its produce to its end. Raises WrongStateError when others than those who are due got a message."""
    pids = pid, scene.services.broker_pid, scene.services.postgres_pid
    await asyncio.gather(watch.messages.arm(), watch.ended.arm())
    used = Cpu.read(*pids)
    produced = time.monotonic()
    looks = Looks(produced)
    async with asyncio.timeout(_TICK_SECONDS), asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(looks.look(watch))
        await watch.produce(case.at)
        ended = await watch.ended.next() - produced
        looking.cancel()
    used = Cpu.read(*pids).since(used)
    # Not messages_of again and again within a timeout: a consumer whose stop is cut short fetches for ever.
    await until(watch.settled, _SETTLED_SECONDS, _LOOK_SECONDS)
    found = await watch.messages_of(case.at)
    if found != case.due:
        raise WrongStateError(f"{scene.name}: {found:,} messages instead of {case.due:,} where {case.name}")
    return TickRun(
        round=number,
        contestant=contestant.name,
        case=case.name,
        users=stream.users,
        due=case.due,
        first_message=looks.first if case.due else None,
        # A tick ends after its messages, so this is where they end.
        last_message=looks.reached(await watch.visible(), ended) if case.due else None,
        ended=ended,
        cpu=used,
        peak_memory_mb=peak_memory_mb(pid),
    )


class Looks:
    """How far messages could be read, and when: seconds since the tick was ``produced``."""

    def __init__(self, produced: float) -> None:
        self.first: float | None = None
        self._produced = produced
        self._seen: list[tuple[float, int]] = []

    async def look(self, watch: Watch) -> None:
        """From the first message on, again and again."""
        self.first = await watch.messages.next() - self._produced
        while True:
            visible = await watch.visible()
            seconds = time.monotonic() - self._produced
            self._seen.append((seconds, visible))
            # Looks cost time of the processors that everybody shares.
            await asyncio.sleep(max(_LOOK_SECONDS, _LOOK_SHARE * seconds))

    def reached(self, offset: int, otherwise: float) -> float:
        """When they could be read up to there, if somebody has seen that."""
        return next((seconds for seconds, visible in self._seen if visible == offset), otherwise)


@asynccontextmanager
async def watching(contestant: Evaluates, scene: Scene) -> AsyncIterator[Watch]:
    """What tells how far a contestant is."""
    kafka, partitions = scene.services.kafka, partitions_of(f"{scene.name}-message", scene.partitions)
    # One that asks must not fetch: its questions would wait behind the fetch, up to half a second.
    async with (
        AIOKafkaProducer(bootstrap_servers=kafka) as producer,
        committed_reader(kafka) as asking,
        AIOKafkaConsumer(bootstrap_servers=kafka) as asking_for_all,
        record_arrivals(kafka, partitions) as messages,
        contestant.ended_ticks(scene) as ended,
    ):
        ticks = [TopicPartition(f"{scene.name}-tick", number) for number in contestant.tick_partitions]
        yield Watch(kafka, ended, messages, partitions, ticks, producer, asking, asking_for_all)
