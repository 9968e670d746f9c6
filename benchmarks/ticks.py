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

from benchmarks.contestants.contestant import Evaluates, Progress, Scene
from benchmarks.ingest import WrongStateError, database, in_turn, run_until
from benchmarks.meters import Cpu, peak_memory_mb
from benchmarks.results import TickRun
from benchmarks.services import Services
from benchmarks.streams import Stream
from benchmarks.topics import committed_reader, committed_records, partitions_of

# How often is looked: at least so much time lies between two looks, and at least this share of what has passed.
_LOOK_SECONDS, _LOOK_SHARE = 0.01, 0.01
_TICK_SECONDS = 300.0
THRESHOLD = timedelta(hours=1)
"""After so long without activity a user is due."""
THRESHOLDS = {"INACTIVITY_THRESHOLD_SECONDS": "3600", "MESSAGE_FREQUENCY_HOURS": "24"}
"""Settings of the engine; the peers have the same thresholds."""
_MICROSECOND = timedelta(microseconds=1)


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
        first = first_tick(stream)
        for number, contestant in in_turn(contestants, rounds):
            bar.update(task, description=f"{stream.users:,} users, round {number + 1}: {contestant.name}")
            name = f"ticks-{stream.name}-{number}-{contestants.index(contestant)}"
            async with database(services, name) as dsn:
                scene = Scene(services, topic, dsn, name)
                async with run_until(contestant, scene, stream.events) as pid, watching(contestant, scene) as watch:
                    # The engine's first tick of all looks at everybody, to note the thresholds.
                    for case in (first, *cases):
                        run = await run_tick(contestant, case, number, scene, watch, pid, stream)
                        runs += [run] if case in cases else []
            bar.advance(task)
    return runs


async def take_in(contestant: Evaluates, scene: Scene, stream: Stream) -> None:
    """The stream, and the first tick: the state in which ticks are measured. Raises WrongStateError."""
    async with run_until(contestant, scene, stream.events) as pid, watching(contestant, scene) as watch:
        await run_tick(contestant, first_tick(stream), 0, scene, watch, pid, stream)


def first_tick(stream: Stream) -> Case:
    """The one that looks at everybody, and finds nobody due."""
    return Case("the first tick", min(stream.last_active().values()) - _MICROSECOND, 0)


def cases(stream: Stream, few: int) -> Sequence[Case]:
    """In the order of their times: nobody, a few, and everybody, those few among them, since two days have passed."""
    last = sorted(stream.last_active().values())
    return (
        Case("nobody is due", last[0] + THRESHOLD, 0),
        Case(f"{few:,} are due", last[few - 1] + THRESHOLD + _MICROSECOND, few),
        Case("everybody is due", last[-1] + timedelta(days=2), stream.users),
    )


@dataclass(frozen=True, slots=True)
class Watch:
    """The topic of the messages, as far as it is committed, and the ticks that have ended."""

    kafka: str
    ended: Progress
    messages: Sequence[TopicPartition]
    ticks: Sequence[TopicPartition]
    producer: AIOKafkaProducer
    asking: AIOKafkaConsumer

    async def visible(self) -> int:
        """How far messages can be read: offsets, which transaction markers have too."""
        return sum((await self.asking.end_offsets(self.messages)).values())

    async def produce(self, at: datetime) -> None:
        """A tick."""
        value = msgspec.json.encode({"type": "engagement.tick", "at": at})
        for tp in self.ticks:
            await self.producer.send_and_wait(tp.topic, value, partition=tp.partition)

    async def messages_of(self, at: datetime) -> int:
        """How many users got a message at that tick, read record by record. Raises WrongStateError for repeats."""
        found: Counter[str] = Counter()
        decode = msgspec.json.Decoder(_Message).decode
        async for records in committed_records(self.kafka, self.messages[0].topic):
            messages = (decode(record.value) for record in records)
            found.update(message.user_id for message in messages if message.decided_at == at)
        if found and max(found.values()) > 1:
            raise WrongStateError(f"a user has several messages in {self.messages[0].topic}")
        return len(found)


class _Message(msgspec.Struct):
    user_id: str
    decided_at: datetime


async def run_tick(
    contestant: Evaluates, case: Case, number: int, scene: Scene, watch: Watch, pid: int, stream: Stream
) -> TickRun:
    """A tick, from its produce to its end. Raises WrongStateError when others than those who are due got a message."""
    pids = pid, scene.services.broker_pid, scene.services.postgres_pid
    before, ended = await watch.visible(), await watch.ended()
    seen: list[tuple[float, int]] = []
    used = Cpu.read(*pids)
    produced = time.monotonic()
    await watch.produce(case.at)
    async with asyncio.timeout(_TICK_SECONDS):
        while True:
            # In this order: what had been published when the tick had ended is seen.
            over = await watch.ended() > ended
            visible = await watch.visible()
            seen.append((time.monotonic() - produced, visible))
            if over:
                break
            # Looks cost time of the processors that everybody shares.
            await asyncio.sleep(max(_LOOK_SECONDS, _LOOK_SHARE * (time.monotonic() - produced)))
    used = Cpu.read(*pids).since(used)
    # A tick ends after its messages, so this is where they end.
    final = seen[-1][1]
    found = await watch.messages_of(case.at)
    if found != case.due:
        raise WrongStateError(f"{scene.name}: {found:,} messages instead of {case.due:,} where {case.name}")
    return TickRun(
        round=number,
        contestant=contestant.name,
        case=case.name,
        users=stream.users,
        due=case.due,
        first_message=next((seconds for seconds, end in seen if end > before), None),
        last_message=next((seconds for seconds, end in seen if end == final), None) if case.due else None,
        ended=seen[-1][0],
        cpu=used,
        peak_memory_mb=peak_memory_mb(pid),
    )


@asynccontextmanager
async def watching(contestant: Evaluates, scene: Scene) -> AsyncIterator[Watch]:
    """What tells how far a contestant is."""
    kafka = scene.services.kafka
    # One that asks must not fetch: its questions would wait behind the fetch, up to half a second.
    async with (
        AIOKafkaProducer(bootstrap_servers=kafka) as producer,
        committed_reader(kafka) as asking,
        contestant.ended_ticks(scene) as ended,
    ):
        messages = partitions_of(f"{scene.name}-message")
        ticks = [TopicPartition(f"{scene.name}-tick", number) for number in contestant.tick_partitions]
        yield Watch(kafka, ended, messages, ticks, producer, asking)
