"""The tick topic under stress: old records gone, two schedulers at once, a topic that is recreated."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.records_to_delete import RecordsToDelete

from tests.campaigns.choices import choices_of
from tests.conditions import eventually, until
from tests.differences import differences
from tests.foreign import read_topic
from tests.harness.deployment import Deployment
from tests.harness.feed import Feed, wait_for_cycles
from tests.harness.judgement import judge_by_shard, read_input
from tests.harness.waiting import SECONDS, stop, wait_for_event, wait_until_cycles
from tests.oracle import DEFAULT_LIMITS, SECOND, Thresholds, barriers_in_order, expect, read_tick

USERS = 200


def activity(day: int) -> Iterator[dict[str, Any]]:
    """Some of the users, at noon of that day."""
    for n in range(0, USERS, day):
        yield {"type": "user.active", "user_id": f"u{n}", "occurred_at": f"2024-05-{day:02}T12:00:00Z"}


def midnight(day: int) -> str:
    """The end of that day of May."""
    return f"2024-05-{day + 1:02}T00:00:00Z"


async def test_ticks_that_are_gone_before_they_were_read_are_skipped_with_a_warning(deployment: Deployment) -> None:
    ticks = deployment.topic("ticks")
    async with Feed(deployment) as feed:
        worker = deployment.start_worker()
        await feed.activity(activity(1))
        await feed.tick(midnight(3))
        await wait_until_cycles(deployment, 1)
        await stop(worker)
        evaluated = await asyncio.to_thread(read_input, deployment, "ticks")

        await feed.activity(activity(4))
        for day in (5, 6, 7):
            await feed.tick(midnight(day))
        await delete_records(deployment, ticks, before=3)
        worker = deployment.start_worker()
        await wait_until_cycles(deployment, 2)
        [gone] = await wait_for_event(worker, "ticks_gone")
        assert (gone["level"], gone["first"], gone["last"]) == ("warning", 1, 2)
        await feed.activity(activity(8))
        await feed.tick(midnight(9))
        await wait_until_cycles(deployment, 3)
        await stop(worker)

    left = await asyncio.to_thread(read_input, deployment, "ticks")
    assert [record.offset for record in left] == [3, 4]
    known = await asyncio.to_thread(read_input, deployment, "activity")
    expected = expect(known, [*evaluated, *left], barriers_in_order(feed.produced, ticks, deployment.partitions))
    assert len(expected.cycles) == 3
    assert differences(expected, *await read_outputs(deployment)) == []


async def test_of_two_tickers_that_run_at_once_the_repeats_are_stale(deployment: Deployment) -> None:
    # Some ticks later everybody may be messaged again: a boundary that counted twice would show.
    deployment.variables = {"MESSAGE_FREQUENCY_HOURS": "0.001"}
    thresholds = Thresholds(message_frequency=SECOND * 36 // 10)
    async with Feed(deployment) as feed:
        await feed.activity(activity(1))
        ends = {record.partition: record.offset + 1 for record in feed.produced}
    for _ in range(2):
        deployment.start_worker()
    for worker in deployment.workers:
        await wait_for_event(worker, "shard_taken_over")
    with ticker(deployment, "one"), ticker(deployment, "other"):
        await eventually(lambda: both_have_produced(deployment, boundaries=6), SECONDS)
    ticks = await asyncio.to_thread(read_input, deployment, "ticks")
    usable = {read_tick(record, DEFAULT_LIMITS).at for record in ticks}
    await wait_until_cycles(deployment, len(usable))
    await asyncio.to_thread(deployment.stop)
    choices = choices_of(deployment.workers, {worker.name: thresholds for worker in deployment.workers})
    assert await asyncio.to_thread(judge_by_shard, deployment, lambda _tick: ends, choices) == []
    assert len(await wait_for_cycles(deployment, len(usable))) == len(usable)
    messages, _, _ = await read_outputs(deployment)
    assert len(messages) > USERS


async def both_have_produced(deployment: Deployment, boundaries: int) -> None:
    """Each of so many moments has two ticks."""
    records = await asyncio.to_thread(read_input, deployment, "ticks")
    times = Counter(read_tick(record, DEFAULT_LIMITS).at for record in records)
    assert sum(number == 2 for number in times.values()) >= boundaries, times


async def test_beyond_the_end_of_a_recreated_tick_topic_nothing_is_evaluated_and_the_worker_says_so(
    deployment: Deployment,
) -> None:
    async with Feed(deployment) as feed:
        worker = deployment.start_worker()
        await feed.activity(activity(1))
        for day in (3, 4, 5):
            await feed.tick(midnight(day))
            await wait_until_cycles(deployment, day - 2)
        await stop(worker)
        await recreate(deployment, deployment.topic("ticks"))
        worker = deployment.start_worker(module="tests.harness.impatient")
    async with Feed(deployment) as feed:
        await feed.activity(activity(6))
        assert await feed.tick(midnight(7)) == 0
        [said] = await wait_for_event(worker, "tick_position_beyond_end")
        assert (said["level"], said["position"], said["end"]) == ("error", 3, 1)
        positions = {event["shard"]: event["position"] for event in worker.events("batch_committed")}
        assert positions.items() >= {record.partition: record.offset + 1 for record in feed.produced[:-1]}.items()
        await stop(worker)
    _, cycles, _ = await read_outputs(deployment)
    assert len(cycles) == 3


async def delete_records(deployment: Deployment, topic: str, before: int) -> None:
    """What retention does."""
    admin = AIOKafkaAdminClient(bootstrap_servers=deployment.kafka)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before)})
    finally:
        await admin.close()


async def recreate(deployment: Deployment, topic: str) -> None:
    """The same name, nothing in it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=deployment.kafka)
    await admin.start()
    try:
        await admin.delete_topics([topic])

        async def created() -> bool:
            """Not as long as Kafka is still deleting the old one."""
            response = await admin.create_topics([NewTopic(topic, 1, 1)])
            return bool(response.topic_errors[0][1] == 0)

        await until(created)
    finally:
        await admin.close()


@contextmanager
def ticker(deployment: Deployment, name: str) -> Iterator[None]:
    """`engage ticker`, each second."""
    command = [str(Path(sys.executable).with_name("engage")), "ticker", "--every", "1s"]
    with (deployment.folder / f"ticker-{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=deployment.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        yield
    finally:
        process.terminate()
        code = process.wait(20)
    assert code == 0, f"the ticker ended with {code}"


async def read_outputs(deployment: Deployment) -> tuple[Any, Any, Any]:
    """Messages, cycles and dead letters."""
    messages, cycles, letters = [
        await asyncio.to_thread(read_topic, deployment.kafka, deployment.topic(role))
        for role in ("messages", "cycles", "dead-letters")
    ]
    return messages, cycles, letters
